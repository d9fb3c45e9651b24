from __future__ import annotations

import math

import numpy as np
import pytest

from gestalt_space.cohort.lumping import compare_pairs
from tests.cohort.selections import DIM, drawn


def cohort(*groups: tuple[int, float], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Patients of disorders of a size, each that far from the middle in a direction of its own."""
    rng = np.random.default_rng(seed)
    rows = [
        drawn(rng, count, np.eye(DIM)[0] + strength * np.eye(DIM)[1 + number])
        for number, (count, strength) in enumerate(groups)
    ]
    names = np.repeat([f"d{number}" for number in range(len(groups))], [one for one, _ in groups])
    return np.concatenate(rows).astype(np.float64), names


def alone(names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(names)), np.full(len(names), "")


def test_two_names_of_one_disorder_are_alike_and_others_are_told_apart():
    rows, names = cohort((60, 0), (30, 2))
    names[:60:2] = "x"
    found = compare_pairs(rows, names, *alone(names))
    assert (found[0].first, found[0].second) == ("d0", "x")
    assert [pair.verdict for pair in found] == ["alike", "told apart", "told apart"]
    assert found[0].share.high < 0.6
    assert all(pair.share.low > 0.5 for pair in found[1:])
    assert all(pair.finding.p == pair.q for pair in found)


def test_few_families_are_undecided_where_many_are_alike():
    rows, names = cohort((12, 0))
    names[::2] = "x"
    (pair,) = compare_pairs(rows, names, *alone(names))
    assert pair.verdict == "undecided"


def test_three_and_three_have_a_reason_in_place_of_a_verdict():
    rows, names = cohort((3, 4), (3, 4), (9, 4))
    *apart, small = compare_pairs(rows, names, *alone(names))
    assert small.verdict == "no verdict"
    assert small.reason == "3 and 3 families have only 20 permutations, so p cannot be below 0.2"
    assert small.share.value == 1
    assert math.isnan(small.share.low)
    assert math.isnan(small.q)
    assert [one.verdict for one in apart] == ["told apart", "told apart"]
    assert small.finding.low != small.finding.low


def test_families_count_once_and_those_with_both_disorders_are_left_out():
    rows, names = cohort((9, 3), (9, 3))
    families = np.arange(18)
    families[:6] = 0
    families[8] = families[17]
    (pair,) = compare_pairs(rows, names, families, np.full(18, ""))
    assert pair.families == (3, 8)
    assert pair.left_out == 1
    few = np.repeat(np.arange(6), 3)
    (pair,) = compare_pairs(rows[:18], names, np.where(few == 2, 1, few), np.full(18, ""))
    assert pair.reason == "2 and 3 families are too few"


def test_nothing_is_concluded_where_each_disorder_has_its_own_site():
    rows, names = cohort((9, 3), (9, 3))
    (pair,) = compare_pairs(rows, names, np.arange(18), np.where(names == "d0", "Bonn", "Taipei"))
    assert pair.verdict == "no verdict"
    assert "site" in pair.reason


def test_a_disorder_that_only_varies_more_is_not_told_apart():
    rng = np.random.default_rng(1)
    tight = np.eye(DIM)[0] + rng.normal(size=(40, DIM)) / np.sqrt(DIM)
    wide = np.eye(DIM)[0] + 2 * rng.normal(size=(40, DIM)) / np.sqrt(DIM)
    rows = np.concatenate([tight, wide])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    names = np.repeat(["tight", "wide"], 40)
    (pair,) = compare_pairs(rows, names, *alone(names))
    assert pair.q <= 0.05, "the labels are no chance: the spread differs"
    assert min(pair.sides) < 0.5 < max(pair.sides)
    assert pair.verdict != "told apart"


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_patients_does_not_matter(seed: int):
    rows, names = cohort((7, 1), (9, 1), seed=seed)
    order = np.random.default_rng(seed).permutation(16)
    one, other = (
        compare_pairs(rows[of], names[of], of % 12, np.full(16, ""))[0]
        for of in (np.arange(16), order)
    )
    assert one.share.value == pytest.approx(other.share.value)
    assert one.share.high == pytest.approx(other.share.high)
