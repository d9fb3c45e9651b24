"""Lines and ranks, by hand and against plain loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gestalt_space.ranking.aggregation import (
    AGGREGATIONS,
    Aggregation,
    measure_centroids,
    score_groups,
)
from gestalt_space.ranking.ranks import RankedGroup, rank_groups, ranks_of
from tests.made import unit
from tests.ranking import oracle
from tests.ranking.galleries import Case, cases, made


def rank(
    similarities: Sequence[float],
    groups: Sequence[Sequence[int]],
    k: int = 10,
    *,
    patient_of_row: Sequence[int] | None = None,
    **options: Any,
) -> list[RankedGroup]:
    grouping = made(groups, patient_of_row)
    return rank_groups(np.array(similarities, np.float32), grouping, k, **options)


def test_no_groups_give_no_lines() -> None:
    assert rank([], []) == []
    assert rank([0.5], []) == []


def test_a_group_stands_where_its_nearest_photo_stands() -> None:
    found = rank([0.25, 0.75, 0.5, -0.5], [[0, 3], [2], [1, 0]])
    assert [(one.group, one.score, one.row) for one in found] == [
        (2, 0.75, 1),
        (1, 0.5, 2),
        (0, 0.25, 0),
    ]


def test_ties_between_groups_break_by_their_number() -> None:
    found = rank([0.5, 0.5, 0.5], [[2], [1], [0]])
    assert [(one.group, one.row) for one in found] == [(0, 2), (1, 1), (2, 0)]
    assert [one.group for one in rank([0.5, 0.5, 0.5], [[2], [1], [0]], 2)] == [0, 1]


def test_ties_within_a_group_break_by_the_patient_then_the_row() -> None:
    assert rank([0.5, 0.5, 0.5], [[0, 1, 2]])[0].row == 0
    assert rank([0.5, 0.5, 0.5], [[0, 1, 2]], patient_of_row=[2, 1, 0])[0].row == 2
    assert rank([0.25, 0.5, 0.5], [[0, 1]], patient_of_row=[0, 1, 1])[0].row == 1


def test_the_own_patients_photos_are_no_evidence() -> None:
    found = rank([1.0, 0.5, 0.75, 0.25], [[0, 1], [2], [2, 3]], own=2)
    assert [(one.group, one.row) for one in found] == [(0, 0), (2, 3)]
    assert rank([1.0], [[0]], own=0) == []


@pytest.mark.parametrize(("k", "lines"), [(0, 0), (-1, 0), (1, 1), (2, 2), (3, 2), (10**9, 2)])
def test_k_bounds_the_lines(k: int, lines: int) -> None:
    assert len(rank([0.5, 0.25], [[0], [1]], k)) == lines


def test_a_similarity_a_little_above_1_is_clamped_and_keeps_its_place() -> None:
    above = float(np.nextafter(np.float32(1), np.float32(2)))
    found = rank([1.0, above, -1.0000001], [[0], [1], [2]])
    assert [one.group for one in found] == [1, 0, 2]
    assert [one.similarity for one in found] == [1.0, 1.0, -1.0]


@pytest.mark.parametrize("how", AGGREGATIONS)
@given(case=cases(), k=st.integers(0, 8), seed=st.integers(0, 2**32 - 1))
def test_the_lines_are_those_of_plain_loops(
    how: Aggregation, case: Case, k: int, seed: int
) -> None:
    descriptors = unit(np.random.default_rng(seed), len(case.similarities), 4)
    groups = case.grouping
    found = rank_groups(
        np.array(case.similarities, np.float32),
        groups,
        k,
        how,
        own=case.own_family,
        centroids=measure_centroids(descriptors, groups),
    )
    scores = oracle.scores(
        how, case.similarities, case.patient_of_row, case.groups, case.left_out, descriptors
    )
    assert [one.score for one in found] == pytest.approx(
        sorted(scores.values(), reverse=True)[:k], abs=1e-4
    )
    assert [(one.score, -one.group) for one in found] == sorted(
        [(one.score, -one.group) for one in found], reverse=True
    )
    for one in found:
        assert one.score == pytest.approx(scores[int(groups.groups[one.group])], abs=1e-4)
        patients = set(case.groups[int(groups.groups[one.group])]) - case.left_out
        rows = [row for row, p in enumerate(case.patient_of_row) if p in patients]
        best = min(rows, key=lambda r: (-case.similarities[r], case.patient_of_row[r], r))
        assert (one.row, one.similarity) == (best, case.similarities[best])


@pytest.mark.parametrize("how", AGGREGATIONS)
@given(case=cases(), seed=st.integers(0, 2**32 - 1))
def test_noise_below_the_tolerance_changes_nothing(how: Aggregation, case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = np.array(case.similarities)
    descriptors = unit(rng, len(true), 4)
    groups = case.grouping
    centroids = measure_centroids(descriptors, groups)
    assume((centroids.lengths > 0.5).all())
    assume((centroids.without[centroids.without > 0] > 0.5).all())

    def ranked(similarities: np.ndarray, tolerance: float) -> list[tuple[int, int]]:
        found = rank_groups(
            similarities,
            groups,
            4,
            how,
            own=case.own_family,
            centroids=centroids,
            exact=lambda rows: true[rows],
            tolerance=tolerance,
        )
        return [(one.group, one.row) for one in found]

    noisy = (true + rng.uniform(-1e-4, 1e-4, len(true))).astype(np.float32)
    assert ranked(noisy, 2e-4) == ranked(true.astype(np.float32), 2.0)


def test_a_group_of_the_own_patient_alone_has_no_voter() -> None:
    true = np.array([1.0, 0.5])
    found = rank(
        true.tolist(),
        [[0], [1]],
        aggregation="vote",
        own=0,
        exact=lambda rows: true[rows],
        tolerance=1e-4,
    )
    assert [one.group for one in found] == [1]


def test_similarities_that_may_err_are_settled_by_the_exact_ones() -> None:
    true = np.array([0.5, 0.5, 0.25, 0.75])
    asked: list[int] = []

    def exact(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return np.asarray(true[rows])

    found = rank(
        [0.5001, 0.4999, 0.25, 0.75], [[1], [0], [2], [3]], 2, exact=exact, tolerance=0.001
    )
    # Groups 0 and 1 are alike, so that the first of them stands first; rough numbers say otherwise.
    assert [(one.group, one.similarity) for one in found] == [(3, 0.75), (0, 0.5)]
    assert set(asked) == {0, 1, 3}


def test_ranks_by_hand() -> None:
    scores = np.array([[0.5, 0.9, 0.5, -np.inf]] * 5, np.float32)
    assert ranks_of(scores, np.array([0, 1, 2, 3, -1])).tolist() == [2, 1, 3, 0, 0]


@given(cases())
def test_ranks_are_the_places_of_the_lines(case: Case) -> None:
    groups = case.grouping
    similarities = np.array(case.similarities, np.float32)
    lines = rank_groups(similarities, groups, 99, own=case.own_family)
    places = {one.group: place for place, one in enumerate(lines, start=1)}
    scores = score_groups(similarities[None], groups, ["nearest"], own=np.array([case.own_family]))[
        "nearest"
    ]
    for group in range(len(groups.groups)):
        assert ranks_of(scores, np.array([group]))[0] == places.get(group, 0)
