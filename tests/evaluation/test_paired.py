from __future__ import annotations

import itertools

import numpy as np
import pytest

from gestalt_space.evaluation.paired import PairedComparison, adjust_comparisons, compare_hits
from gestalt_space.evaluation.topk import even_over_groups
from gestalt_space.stats.adjustment import holm
from gestalt_space.stats.resampling import Bootstrap

FEW = Bootstrap(200, 1)


def test_the_difference_is_of_shares_of_cases() -> None:
    hits = np.array([True, True, True, False, True])
    other = np.array([True, False, False, True, True])
    found = compare_hits(hits, other, np.array([0, 0, 1, 2, 3]), FEW)
    assert found.difference.value == pytest.approx((4 - 3) / 5)
    assert found.difference.low <= found.difference.value <= found.difference.high
    assert (found.patients, found.cases) == (4, 5)


def test_the_p_value_is_that_of_all_flips() -> None:
    """Patients differ by 2, 1, 1, 1, −1 and 0 hits."""
    patients = np.array([0, 0, 1, 2, 3, 4, 5])
    hits = np.array([1, 1, 1, 1, 1, 0, 1], bool)
    other = np.array([0, 0, 0, 0, 0, 1, 1], bool)
    change = np.array([2, 1, 1, 1, -1])
    flips = np.array(list(itertools.product([1, -1], repeat=5))) @ change
    exact = float(np.mean(np.abs(flips) >= change.sum()))
    assert compare_hits(hits, other, patients, FEW).p == pytest.approx(exact, abs=0.02)


def test_the_mean_over_disorders_is_flipped_by_families() -> None:
    """D0 has four patients and D1 one; P0 and P1 are kin, and so are flipped together."""
    hits, other = np.array([1, 1, 1, 0, 0], bool), np.array([0, 0, 0, 0, 1], bool)
    weights = even_over_groups(np.array([0, 0, 0, 0, 1]))
    families = np.array([0, 0, 2, 3, 4])
    found = compare_hits(hits, other, np.arange(5), FEW, families=families, weights=weights)
    assert found.difference.value == pytest.approx(3 / 8 - 1 / 2)
    flips = np.array(list(itertools.product([1, -1], repeat=3))) @ np.array([2 / 8, 1 / 8, -1 / 2])
    exact = float(np.mean(np.abs(flips) >= 1 / 8 - 1e-9))
    assert exact == 1
    assert found.p == 1
    more = compare_hits(hits, other, np.arange(5), FEW, families=families)
    assert more.p == pytest.approx(3 / 4, abs=0.03)
    assert more.patients == 5


def test_two_that_are_the_same_do_not_differ() -> None:
    hits = np.array([True, False, True])
    found = compare_hits(hits, hits, np.arange(3), FEW)
    assert (found.p, found.difference.value) == (1, 0)


def test_p_values_are_even_where_nothing_differs() -> None:
    rng = np.random.default_rng(4)
    p_values = []
    for seed in range(300):
        hits, other = rng.random((2, 80)) < 0.5
        p_values.append(compare_hits(hits, other, np.arange(80), Bootstrap(100, seed), flips=199).p)
    for level in (0.05, 0.2, 0.5):
        share = np.mean(np.array(p_values) <= level)
        assert share <= level + 2.6 * np.sqrt(level * (1 - level) / 300)
        assert share >= 0.4 * level


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_comparisons_are_held_over_the_whole_list() -> None:
    found = compare_hits(np.ones(9, bool), np.zeros(9, bool), np.arange(9), FEW)
    lines = adjust_comparisons(
        [PairedComparison("a", "blend", "a", "nearest", k, "cases", found) for k in (1, 10)]
    )
    assert [one.p_held for one in lines] == pytest.approx([2 * found.p] * 2)
