"""The five aggregations, by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.ranking.aggregation import (
    AGGREGATIONS,
    VOTERS,
    Aggregation,
    measure_centroids,
    score_groups,
)
from gestalt_space.ranking.grouping import grouping
from tests.made import unit
from tests.ranking import oracle
from tests.ranking.galleries import Case, cases, made


def test_by_hand() -> None:
    """One patient with photos at 0.9 and 0.1, two patients with one at 0.6: everyone differs."""
    groups = made([[0], [1, 2]], [0, 0, 1, 2])
    descriptors = np.eye(4, dtype=np.float32)
    probe = np.array([[0.9, 0.1, 0.6, 0.6]], np.float32)
    found = score_groups(
        probe, groups, AGGREGATIONS, centroids=measure_centroids(descriptors, groups)
    )
    root = np.sqrt(0.5)
    expected = {
        "nearest": [0.9, 0.6],
        "patient-mean": [0.5, 0.6],
        "centroid": [0.5 / root, 0.6 / root],
        "blend": [(0.9 + 0.5 / root) / 2, (0.6 + 0.6 / root) / 2],
        "vote": [0.9 / 2.1, 1.2 / 2.1],
    }
    for how in AGGREGATIONS:
        assert found[how][0] == pytest.approx(expected[how], abs=1e-6), how
        assert found[how].dtype == np.float32


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_the_probes_own_patient_is_no_evidence(how: Aggregation) -> None:
    groups = made([[0, 1], [0], [2]])
    descriptors = np.eye(3, dtype=np.float32)
    centroids = measure_centroids(descriptors, groups)
    found = score_groups(
        np.array([[1.0, 0.5, 0.25]] * 2, np.float32),
        groups,
        [how],
        own=np.array([0, -1]),
        centroids=centroids,
    )[how]
    without = made([[1], [], [2]], [9, 1, 2])
    expected = score_groups(
        np.array([[1.0, 0.5, 0.25]], np.float32),
        without,
        [how],
        centroids=measure_centroids(descriptors, without),
    )[how]
    assert found[0, [0, 2]] == pytest.approx(expected[0])
    assert found[0, 1] == -np.inf
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_familys_scores_are_those_of_a_gallery_without_its_rows(how: Aggregation) -> None:
    """With families within and across disorders, patients of two disorders, several photos, and a
    probe whose own patient is in no group."""
    rng = np.random.default_rng(11)
    owners = np.concatenate([np.arange(60), rng.integers(0, 60, 60)])
    descriptors = unit(rng, len(owners), 16)
    pairs = np.stack([rng.integers(1, 60, 80), rng.integers(0, 12, 80)], axis=1)
    families = rng.integers(0, 25, 60)
    groups = grouping(np.arange(len(owners)), owners, pairs, families=families)
    assert groups.place_of(np.array([0]))[0] == -1
    probes = rng.permutation(60)
    similarities = (unit(rng, 60, 16) @ descriptors.T).astype(np.float64)
    found = score_groups(
        similarities,
        groups,
        [how],
        own=groups.family_of(probes),
        centroids=measure_centroids(descriptors, groups),
    )[how]
    for probe, patient in enumerate(probes):
        others = groups.restricted(families[owners] != families[patient])
        expected = np.full(len(groups.groups), -np.inf)
        expected[np.searchsorted(groups.groups, others.groups)] = score_groups(
            similarities[[probe]], others, [how], centroids=measure_centroids(descriptors, others)
        )[how][0]
        assert found[probe] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("how", AGGREGATIONS)
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_the_scores_are_those_of_plain_loops(how: Aggregation, case: Case, seed: int) -> None:
    groups = case.grouping
    descriptors = unit(np.random.default_rng(seed), len(case.similarities), 4)
    found = score_groups(
        np.array([case.similarities]),
        groups,
        [how],
        own=np.array([case.own_family]),
        centroids=measure_centroids(descriptors, groups),
    )[how][0]
    expected = oracle.scores(
        how, case.similarities, case.patient_of_row, case.groups, case.left_out, descriptors
    )
    ranked = {
        int(number): score
        for number, score in zip(groups.groups, found, strict=True)
        if np.isfinite(score)
    }
    assert ranked == pytest.approx(expected, abs=1e-4)


def test_many_probes_have_the_scores_of_each_alone() -> None:
    rng = np.random.default_rng(3)
    descriptors = unit(rng, 400, 8)
    pairs = np.stack([np.arange(300), rng.integers(0, 40, 300)], axis=1)
    groups = grouping(np.arange(400), rng.integers(0, 300, 400), pairs)
    centroids = measure_centroids(descriptors, groups)
    similarities = unit(rng, 101, 8) @ descriptors.T
    own = rng.integers(-1, len(groups.patients), 101)
    together = score_groups(similarities, groups, AGGREGATIONS, own=own, centroids=centroids)
    for probe in range(0, 101, 10):
        alone = score_groups(
            similarities[[probe]],
            groups,
            AGGREGATIONS,
            own=own[[probe]],
            centroids=centroids,
        )
        for how in AGGREGATIONS:
            assert np.allclose(together[how][probe], alone[how][0], atol=1e-6), how


def test_votes_are_of_the_nearest_patients_and_of_all_at_the_last_ones_similarity() -> None:
    similarities = [1.0] * (VOTERS - 1) + [0.5, 0.5, 0.25]
    groups = made([[p] for p in range(VOTERS + 2)])
    shares = score_groups(np.array([similarities]), groups, ["vote"])["vote"][0]
    total = VOTERS - 1 + 1.0
    assert shares[: VOTERS - 1] == pytest.approx([1 / total] * (VOTERS - 1))
    assert shares[VOTERS - 1 : VOTERS + 1] == pytest.approx([0.5 / total] * 2)
    assert shares[-1] == pytest.approx(0.25 - 2)


def test_centroids_have_the_lengths_of_means_of_patient_means() -> None:
    rng = np.random.default_rng(5)
    descriptors = unit(rng, 7, 6)
    groups = made([[0, 1, 2], [2, 3]], [0, 0, 1, 2, 2, 3, 3])
    found = measure_centroids(descriptors, groups)
    means = [descriptors[rows].mean(axis=0) for rows in ([0, 1], [2], [3, 4], [5, 6])]
    lengths = [np.mean([means[p] for p in of], axis=0) for of in ([0, 1, 2], [2, 3])]
    assert found.lengths == pytest.approx([np.linalg.norm(v) for v in lengths], abs=1e-6)
    left = [[1, 2], [0, 2], [0, 1], [3], [2]]
    expected = [np.linalg.norm(np.mean([means[p] for p in of], axis=0)) for of in left]
    assert found.without == pytest.approx(expected, abs=1e-6)


def test_centroid_without_the_centroids_is_refused() -> None:
    with pytest.raises(ValueError, match="centroids"):
        score_groups(np.zeros((1, 1), np.float32), made([[0]]), ["blend"])


def test_nothing_to_rank() -> None:
    empty = made([])
    assert score_groups(np.zeros((2, 0), np.float32), empty, ["vote"])["vote"].shape == (2, 0)
    assert score_groups(np.zeros((0, 1)), made([[0]]), ["nearest"])["nearest"].shape == (0, 1)
    assert len(measure_centroids(np.zeros((0, 4), np.float32), empty).lengths) == 0
