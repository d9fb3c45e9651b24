from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gestalt_space.cohort import clusters
from gestalt_space.cohort.cluster_documents import cluster_document
from gestalt_space.cohort.clusters import ClusterPlan, cluster
from gestalt_space.cohort.columns import column_of
from gestalt_space.cohort.result_tables import disorders_table, pairs_table
from gestalt_space.errors import UsageError
from gestalt_space.simulate.planted import PlantedPlan, plant
from tests.cohort.selections import QUICK, planted


def test_planted_disorders_are_found():
    found = cluster(planted(disorders=4, each=8, strength=3), QUICK)
    assert found.agreement == 1
    assert found.labels.max() == 4
    assert found.dense_agreement > 0.8
    assert [one.patients for one in found.clusters] == [8, 8, 8, 8]
    assert min(one.stability for one in found.clusters) > 0.9
    assert all(one.silhouette > 0.3 for one in found.disorders)
    assert all(pair.verdict == "told apart" for pair in found.pairs)
    assert "highest mean silhouette" in found.rule


def test_without_disorders_in_the_faces_nothing_is_told_apart():
    found = cluster(planted(disorders=3, each=8, strength=0), QUICK)
    assert found.agreement < 0.3
    assert not any(pair.verdict == "told apart" for pair in found.pairs)
    assert np.mean([pair.share.value for pair in found.pairs]) == pytest.approx(0.5, abs=0.1)
    assert not any(one.split for one in found.disorders)


def test_sites_are_not_told_apart_as_disorders():
    """Two sites with faces of their own, and disorders that are mostly seen at one of them."""
    plan = PlantedPlan(
        (14, 14), disorder=0, sites=2, site=2, sites_follow_disorder=0.5, photos=1, share_b=0
    )
    selection = plant(plan, 4)
    within = cluster(selection, QUICK).pairs[0]
    across = cluster(selection, ClusterPlan(bootstrap=0, samples=19, within=())).pairs[0]
    assert across.verdict == "told apart"
    assert within.verdict != "told apart"


def test_a_split_by_site_is_told_and_is_no_subtype():
    plan = PlantedPlan((16,), sites=2, site=2, share_b=0)
    (found,) = cluster(plant(plan, 2), QUICK).disorders
    assert found.split
    assert found.follows == ("site",)
    assert found.reading == "two, by site"
    assert found.finding.n == 16


def test_findings_are_tidy_rows_and_every_pair_is_in_the_document():
    selection = planted(disorders=2, each=9, strength=2)
    found = cluster(selection, QUICK)
    document = cluster_document(selection, found)
    assert [one["verdict"] for one in document["pairs"]] == ["told apart"]
    assert [one["reading"] for one in document["disorders"]] == ["no split shown"] * 2
    share, *gaps = document["findings"]
    assert share["subject"] == "OMIM:100000 and OMIM:100001"
    assert (share["n"], share["unit"], share["p"]) == (18, "families", found.pairs[0].q)
    assert [one["estimate"] for one in gaps] == [one.apart for one in found.disorders]
    row = dict(zip(pairs_table(found).names, pairs_table(found).rows[0], strict=True))
    assert row["share_low"] == found.pairs[0].share.low
    assert (
        dict(zip(disorders_table(found).names, disorders_table(found).rows[0], strict=True))[
            "follows"
        ]
        == ""
    )


def test_a_patient_of_two_sites_has_both():
    selection = plant(PlantedPlan((4,), photos=3, share_b=0), 1)
    sites = np.where(np.arange(len(selection)) % 2, "Bonn", "Taipei")
    told = column_of(replace(selection, sites=sites), "site")
    assert "Bonn + Taipei" in told


def test_a_margin_that_is_none_is_refused():
    with pytest.raises(UsageError, match="margin"):
        ClusterPlan(margin=0.5)


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
    assert found.rule == "the number requested"


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_patients_are_refused(count: int):
    with pytest.raises(UsageError, match="too few for clusters"):
        cluster(planted(disorders=1, each=count, strength=1), QUICK)


def test_more_patients_than_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clusters, "MOST_PATIENTS", 7)
    with pytest.raises(UsageError, match=r"8 patients are too many .* which take 0.0 GB"):
        cluster(planted(disorders=2, each=4, strength=1), QUICK)


def test_more_clusters_than_patients_are_refused():
    with pytest.raises(UsageError, match="into 99"):
        cluster(planted(disorders=2, each=4, strength=1), ClusterPlan(99))


def test_patients_without_a_disorder_are_clustered_and_not_compared():
    selection = planted(disorders=2, each=5, strength=3, undiagnosed=4)
    found = cluster(selection, QUICK)
    assert found.compared == 10
    assert len(found.labels) == 14
    assert {one.disorder for one in found.disorders} == {"OMIM:100000", "OMIM:100001"}
