from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gestalt_space.stats.area import area_under_curve


def area_of(ones: list[float], others: list[float]):
    first = np.repeat([True, False], [len(ones), len(others)])
    return area_under_curve(np.array([*ones, *others], dtype=float), first)


def test_the_area_counts_pairs_and_half_of_ties():
    assert area_of([3, 2, 1], [2, 0]).value == pytest.approx((2 + 1.5 + 1) / 6)


def test_the_ends_are_the_areas_from_which_the_one_found_is_as_far_as_allowed():
    found = area_of([5, 4, 1], [3, 2, 0, -1])
    ones, others, extra = 3, 4, 3.5 - 1
    for end in (found.low, found.high):
        spread = 1 + extra * ((1 - end) / (2 - end) + end / (1 + end))
        away = abs(found.value - end) / np.sqrt(end * (1 - end) * spread / (ones * others))
        assert away == pytest.approx(norm.ppf(0.975))
    assert found.low < found.value < found.high


def test_an_area_of_one_is_not_certain():
    found = area_of([5, 4, 3, 2], [1, 0, -1, -2])
    assert (found.value, found.high) == (1, 1)
    assert 0.4 < found.low < 0.9
    mirrored = area_of([1, 0, -1, -2], [5, 4, 3, 2])
    assert (mirrored.low, mirrored.high) == pytest.approx((0, 1 - found.low))


def test_the_interval_covers_the_area_of_two_normal_groups():
    rng, truth = np.random.default_rng(1), float(norm.cdf(1 / np.sqrt(2)))
    first, covered = np.repeat([True, False], [12, 12]), 0
    for _ in range(300):
        found = area_under_curve(rng.standard_normal(24) + first, first)
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 300 <= 0.99


def test_the_interval_is_wider_where_shuffled_areas_vary_more():
    first = np.repeat([True, False], [12, 12])
    scores = np.arange(24)[::-1] + 9.0 * np.tile([1, -1], 12)
    usual = area_under_curve(scores, first)
    rng = np.random.default_rng(2)
    noisy = area_under_curve(scores, first, rng.normal(0.5, 0.25, 500))
    assert noisy.value == usual.value
    assert noisy.low < usual.low < usual.high < noisy.high
    assert area_under_curve(scores, first, rng.normal(0.5, 0.01, 500)) == usual
