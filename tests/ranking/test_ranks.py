"""The published ranking, by hand and against a plain reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.ranking.nearest import (
    Membership,
    RankedGroup,
    membership,
    rank_nearest,
)


def members(*groups: list[int]) -> Membership:
    """The rows of each group, as pairs given in no particular order."""
    pairs = [(row, number) for number, rows in enumerate(groups) for row in rows][::-1]
    rows, numbers = np.array(pairs, np.int64).reshape(-1, 2).T
    return membership(rows, numbers, len(groups))


def rank(
    similarities: list[float], given_members: Membership, k: int = 10, **options: Any
) -> list[RankedGroup]:
    return rank_nearest(np.array(similarities, np.float32), given_members, k, **options)


def test_a_membership_knows_the_rows_of_each_group() -> None:
    found = members([2, 0], [1], [3, 0])
    assert [found.of(group).tolist() for group in range(3)] == [[0, 2], [1], [0, 3]]


def test_a_group_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="without a row"):
        membership(np.array([0, 1]), np.array([0, 2]), 3)


def test_no_groups_give_no_lines() -> None:
    empty = membership(np.zeros(0, np.int64), np.zeros(0, np.int64), 0)
    assert rank([], empty) == []
    assert rank([0.5], empty) == []


def test_a_group_stands_where_its_nearest_row_stands() -> None:
    found = rank([0.25, 0.75, 0.5, -0.5], members([0, 3], [2], [1, 0]))
    assert found == [RankedGroup(2, 0.75, 1), RankedGroup(1, 0.5, 2), RankedGroup(0, 0.25, 0)]


def test_groups_at_one_similarity_stand_by_their_number() -> None:
    found = rank([0.5, 0.5, 0.5], members([2], [1], [0]))
    assert [(one.group, one.row) for one in found] == [(0, 2), (1, 1), (2, 0)]
    assert [one.group for one in rank([0.5, 0.5, 0.5], members([2], [1], [0]), 2)] == [0, 1]


def test_rows_at_one_similarity_stand_by_their_number_or_by_the_order_given() -> None:
    groups = members([0, 1, 2])
    assert rank([0.5, 0.5, 0.5], groups)[0].row == 0
    assert rank([0.5, 0.5, 0.5], groups, row_order=np.array([2, 1, 0]))[0].row == 2
    assert rank([0.25, 0.5, 0.5], groups, row_order=np.array([0, 2, 1]))[0].row == 2


def test_a_row_of_several_groups_counts_for_each() -> None:
    found = rank([0.5, 0.25], members([0], [0, 1], [1]))
    assert [(one.group, one.row) for one in found] == [(0, 0), (1, 0), (2, 1)]


def test_a_row_of_no_group_is_no_evidence() -> None:
    assert [one.row for one in rank([1.0, 0.25], members([1]))] == [1]


def test_rows_that_are_left_out_are_no_evidence_and_their_groups_may_go() -> None:
    eligible = np.array([False, True, False, True])
    found = rank([1.0, 0.5, 0.75, 0.25], members([0, 1], [2], [2, 3]), eligible=eligible)
    assert [(one.group, one.row) for one in found] == [(0, 1), (2, 3)]
    nothing = np.zeros(4, bool)
    assert rank([1.0, 0.5, 0.75, 0.25], members([0, 1], [2, 3]), eligible=nothing) == []


@pytest.mark.parametrize(("k", "lines"), [(0, 0), (-1, 0), (1, 1), (2, 2), (3, 2), (10**9, 2)])
def test_k_bounds_the_lines(k: int, lines: int) -> None:
    assert len(rank([0.5, 0.25], members([0], [1]), k)) == lines


def test_a_similarity_a_little_above_1_is_clamped_and_keeps_its_place() -> None:
    above = float(np.nextafter(np.float32(1), np.float32(2)))
    found = rank([1.0, above, -1.0000001], members([0], [1], [2]))
    assert [one.group for one in found] == [1, 0, 2]
    assert [one.similarity for one in found] == [1.0, 1.0, -1.0]


def test_every_similarity_may_be_negative() -> None:
    found = rank([-0.5, -0.25], members([0], [1]))
    assert [(one.group, one.similarity) for one in found] == [(1, -0.25), (0, -0.5)]


def reference(
    similarities: list[float],
    groups: list[list[int]],
    k: int,
    eligible: list[bool],
    row_order: list[int],
) -> list[tuple[int, float, int]]:
    lines = []
    for number, rows in enumerate(groups):
        open_rows = [row for row in rows if eligible[row]]
        if open_rows:
            row = min(open_rows, key=lambda r: (-similarities[r], row_order[r]))
            lines.append((-similarities[row], number, row))
    return [
        (number, min(1.0, max(-1.0, -negative)), row) for negative, number, row in sorted(lines)[:k]
    ]


@st.composite
def galleries(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(1, 8))
    # Few values, so that there are ties.
    values = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0])
    row = st.integers(0, n - 1)
    return {
        "similarities": draw(st.lists(values, min_size=n, max_size=n)),
        "groups": draw(st.lists(st.lists(row, min_size=1, unique=True), min_size=1, max_size=6)),
        "k": draw(st.integers(0, 8)),
        "eligible": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
        "row_order": draw(st.permutations(range(n))),
    }


@given(galleries())
def test_the_ranking_is_that_of_a_plain_reference(gallery: dict[str, Any]) -> None:
    found = rank(
        gallery["similarities"],
        members(*gallery["groups"]),
        gallery["k"],
        eligible=np.array(gallery["eligible"]),
        row_order=np.array(gallery["row_order"]),
    )
    assert [(one.group, one.similarity, one.row) for one in found] == reference(**gallery)


@given(galleries(), st.data())
def test_the_order_of_the_rows_changes_nothing(
    gallery: dict[str, Any], data: st.DataObject
) -> None:
    n = len(gallery["similarities"])
    moved = data.draw(st.permutations(range(n)))  # moved[new] = old
    new_of = {old: new for new, old in enumerate(moved)}
    here = rank(
        gallery["similarities"],
        members(*gallery["groups"]),
        gallery["k"],
        eligible=np.array(gallery["eligible"]),
        row_order=np.array(gallery["row_order"]),
    )
    there = rank(
        [gallery["similarities"][old] for old in moved],
        members(*[[new_of[row] for row in rows] for rows in gallery["groups"]]),
        gallery["k"],
        eligible=np.array([gallery["eligible"][old] for old in moved]),
        row_order=np.array([gallery["row_order"][old] for old in moved]),
    )
    assert [(one.group, one.similarity) for one in there] == [
        (one.group, one.similarity) for one in here
    ]
    assert [moved[one.row] for one in there] == [one.row for one in here]


def test_similarities_that_may_err_are_settled_by_the_exact_ones() -> None:
    true = np.array([0.5, 0.5, 0.25, 0.75])
    rough = [0.5001, 0.4999, 0.25, 0.75]
    groups = members([1], [0], [2], [3])
    asked: list[int] = []

    def exact(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return np.asarray(true[rows])

    found = rank(rough, groups, 2, exact=exact, tolerance=0.001)
    # Groups 0 and 1 are alike, so that the first of them stands first; rough numbers say otherwise.
    assert [(one.group, one.similarity) for one in found] == [(3, 0.75), (0, 0.5)]
    assert set(asked) == {0, 1, 3}


def test_rows_within_the_tolerance_are_settled_too() -> None:
    true = np.array([0.5, 0.75, 0.75])
    found = rank(
        [0.5, 0.7499, 0.7501],
        members([0, 1, 2]),
        exact=lambda rows: true[rows],
        tolerance=0.001,
    )
    assert found == [RankedGroup(0, 0.75, 1)]


@given(galleries(), st.integers(0, 2**32 - 1))
def test_noise_below_the_tolerance_changes_nothing(gallery: dict[str, Any], seed: int) -> None:
    true = np.array(gallery["similarities"], np.float64)
    noise = np.random.default_rng(seed).uniform(-1e-4, 1e-4, len(true))
    found = rank(
        (true + noise).tolist(),
        members(*gallery["groups"]),
        gallery["k"],
        eligible=np.array(gallery["eligible"]),
        row_order=np.array(gallery["row_order"]),
        exact=lambda rows: true[rows],
        tolerance=4e-4,
    )
    assert [(one.group, one.similarity, one.row) for one in found] == reference(**gallery)
