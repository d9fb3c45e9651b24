from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.cohort.clusters import ClusterPlan, cluster
from gestalt_space.cohort.lumping import hard_to_tell_apart
from gestalt_space.cohort.splitting import halve
from gestalt_space.errors import UsageError
from tests.cohort.selections import QUICK, drawn, planted


def test_planted_disorders_are_found():
    found = cluster(planted(disorders=4, each=8, strength=3), QUICK)
    assert found.agreement == 1
    assert found.labels.max() == 4
    assert found.dense_agreement > 0.8
    assert [one.patients for one in found.clusters] == [8, 8, 8, 8]
    assert min(one.stability for one in found.clusters) > 0.9
    assert all(one.silhouette > 0.3 for one in found.disorders)
    assert not any(pair.hard for pair in found.pairs)
    assert "highest mean silhouette" in found.rule


def test_without_disorders_in_the_faces_nothing_is_told_apart():
    found = cluster(planted(disorders=3, each=8, strength=0), QUICK)
    assert found.agreement < 0.3
    assert all(pair.hard for pair in found.pairs)
    assert np.mean([pair.told_apart for pair in found.pairs]) == pytest.approx(0.5, abs=0.25)
    assert not any(one.split for one in found.disorders)


def test_a_disorder_in_two_halves_falls_into_them_and_one_that_is_not_does_not():
    rng = np.random.default_rng(3)
    rows = drawn(rng, 20, np.eye(64)[0])
    assert halve(rows, samples=99).p > 0.05
    two = np.concatenate([drawn(rng, 10, np.eye(64)[0]), drawn(rng, 10, 2.5 * np.eye(64)[1])])
    halves = halve(two, samples=99)
    assert halves.p <= 0.05
    assert len({*halves.second[:10]}) == len({*halves.second[10:]}) == 1
    assert halves.silhouette > 0.2


def test_patients_on_one_point_are_one_cluster():
    rows = np.tile(np.eye(16, dtype=np.float32)[:1], (9, 1))
    assert halve(rows, samples=19).p == 1


def test_two_names_of_one_disorder_are_the_first_of_the_pairs():
    selection = planted(disorders=3, each=10, strength=3)
    names = np.array([told[0] for told in selection.disorders])
    # Every second patient of the first disorder is called otherwise.
    names[:10:2] = "OMIM:999999"
    pairs = hard_to_tell_apart(selection.patient_descriptors().astype(np.float64), names)
    assert (pairs[0].first, pairs[0].second) == ("OMIM:100000", "OMIM:999999")
    assert pairs[0].hard
    assert not pairs[1].hard
    assert pairs[1].told_apart == 1


def test_the_order_of_patients_does_not_matter():
    selection = planted(disorders=3, each=6, strength=3)
    found = cluster(selection, QUICK)
    assert sorted(one.patients for one in found.clusters) == sorted(
        np.bincount(found.labels)[1:].tolist()
    )
    again = cluster(selection, QUICK)
    assert (again.labels == found.labels).all()
    assert again.pairs == found.pairs


def test_a_number_of_clusters_can_be_asked_for():
    found = cluster(planted(disorders=3, each=6, strength=3), ClusterPlan(5, 5, 19))
    assert found.labels.max() == 5
    assert found.rule == "cut into 5, as asked"


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_patients_are_refused(count: int):
    with pytest.raises(UsageError, match="say nothing"):
        cluster(planted(disorders=1, each=count, strength=1), QUICK)


def test_more_clusters_than_patients_are_refused():
    with pytest.raises(UsageError, match="do not make 99"):
        cluster(planted(disorders=2, each=4, strength=1), ClusterPlan(99))


def test_patients_without_a_disorder_are_clustered_and_not_compared():
    selection = planted(disorders=2, each=5, strength=3, undiagnosed=4)
    found = cluster(selection, QUICK)
    assert found.compared == 10
    assert len(found.labels) == 14
    assert {one.disorder for one in found.disorders} == {"OMIM:100000", "OMIM:100001"}
