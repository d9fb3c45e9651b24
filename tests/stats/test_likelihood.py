"""The likelihood ratio of values in groups, and its lower bound."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gestalt_space.stats.likelihood import (
    FEWEST_IN_BIN,
    WeightedValues,
    fit_ratio,
    independent,
    lower_share,
    weighted_quantiles,
)


def weighed(values: np.ndarray, groups: np.ndarray | None = None) -> WeightedValues:
    """Values whose groups weigh alike; each its own group where none are given."""
    given = np.arange(len(values)) if groups is None else groups
    weights = 1 / np.bincount(given)[given]
    return WeightedValues(values, weights, given, np.full(len(values), -1))


def others(values: np.ndarray, groups: int) -> WeightedValues:
    places = np.arange(len(values)) % groups
    return WeightedValues(values, np.ones(len(values)), places, (places + 1) % groups)


def test_the_ratio_of_two_normal_distributions_is_found_and_bounded() -> None:
    """Means 0.4 and 0.6, deviation 0.1: the logarithm of the ratio is 20 (s - 0.5)."""
    rng = np.random.default_rng(5)
    same = weighed(rng.normal(0.6, 0.1, 4_000))
    other = others(rng.normal(0.4, 0.1, 40_000), 4_000)
    found = fit_ratio(same, other)
    assert found is not None
    assert (np.diff(found.ratio) >= 0).all()
    assert (np.diff(found.lower) >= 0).all()
    assert (found.lower <= found.ratio).all()
    assert found.lower[0] == 0
    # Within a bin the true ratio is least at its lower end.
    ends = np.exp(20 * (found.edges - 0.5))
    assert (found.lower[1:] <= ends).all()
    assert found.lower[-3] > 3
    places = np.searchsorted(found.edges, [0.45, 0.5, 0.55])
    assert found.ratio[places] == pytest.approx(np.exp([-1, 0, 1]), rel=0.6)


def test_the_bound_of_the_topmost_bin_is_exact_where_there_is_nothing() -> None:
    """Of 40 pairs that are alike on both sides, one gallery in twenty has a bound above 1 at the
    most; a bound that were never above 1 would be no test of it."""
    over = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        found = fit_ratio(weighed(rng.random(40)), others(rng.random(4_000), 40))
        assert found is not None
        over.append(found.lower[-1] > 1)
    assert 0 < np.mean(over) <= 0.06


def test_members_of_a_group_are_no_independent_evidence() -> None:
    """Twelve groups, all of whose thirty members are alike, bound no better than twelve values."""
    over = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(12), 30)
        values = rng.random(12)[groups] + rng.normal(0, 0.01, len(groups))
        found = fit_ratio(weighed(values, groups), others(rng.random(4_000), 40))
        over.append(found is not None and found.lower[-1] > 1)
    assert np.mean(over) <= 0.08


def test_a_bin_has_enough_groups_of_both_kinds() -> None:
    same = weighed(np.linspace(0.5, 1.5, 60))
    found = fit_ratio(same, others(np.linspace(0, 1, 600), 60))
    assert found is not None
    # None of the others is above 1: the topmost bin goes down until five groups of them are in it.
    assert (np.linspace(0, 1, 600) >= found.edges[-1]).sum() >= FEWEST_IN_BIN
    assert np.isfinite(found.ratio).all()
    assert fit_ratio(weighed(np.linspace(2, 3, 60)), others(np.linspace(0, 1, 600), 60)) is None
    few = weighed(np.linspace(0, 1, FEWEST_IN_BIN - 1))
    assert fit_ratio(few, others(np.linspace(0, 1, 600), 60)) is None


def test_a_share_is_bounded_as_clopper_and_pearson_do() -> None:
    count, size = 7, 90
    share = np.array([count / size])
    exact = stats.binomtest(count, size, alternative="greater").proportion_ci(0.95, "exact").low
    spread = (1 - share) / (size * share)
    found = lower_share(share, np.array([float(count)]), spread, groups=100_000)
    assert found[0] == pytest.approx(exact, rel=1e-3)
    wider = lower_share(share, np.array([float(count)]), 3 * spread, groups=100_000)
    assert wider[0] < exact / 1.5
    assert lower_share(share, np.array([7.0]), spread, groups=6)[0] < exact


def test_groups_of_equal_weight() -> None:
    assert independent(np.array([2.0, 2.0, 2.0, 0.0])) == pytest.approx(3)
    assert independent(np.array([1.0, 0.0])) == 1
    assert independent(np.zeros(3)) == 0


def test_quantiles_of_weighted_values() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0])
    found = weighted_quantiles(values, weights, np.array([0.0, 0.3, 0.5, 0.6, 1.0]))
    assert found.tolist() == [1, 2, 2, 3, 3]
