"""The monotone likelihood ratio."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from gestalt_space.ranking.likelihood import (
    FEWEST_IN_RUN,
    FEWEST_IN_TAIL,
    fit_ratio,
    isotonic,
    strength_of,
)


@settings(deadline=None)  # scikit-learn's first call is slow
@given(
    st.lists(
        st.tuples(st.floats(-10, 10), st.floats(0.1, 5)),
        min_size=1,
        max_size=30,
    )
)
def test_the_isotonic_fit_is_that_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    values, weights = np.array(pairs).T
    places = np.arange(len(values))
    fitted = IsotonicRegression().fit(places, values, sample_weight=weights)
    expected = fitted.predict(places)
    assert isotonic(values, weights) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("ratio", "strength"),
    [
        (0.0, "none"),
        (2.079, "none"),
        (2.08, "supporting"),
        (4.33, "moderate"),
        (18.72, "strong"),
        (350.3, "strong"),
        (350.4, "very strong"),
    ],
)
def test_the_strengths_of_acmg(ratio: float, strength: str) -> None:
    assert strength_of(ratio) == strength


def histograms(values: np.ndarray, bins: int) -> np.ndarray:
    """A histogram for each patient, whose value it is."""
    places = np.clip((values * bins).astype(int), 0, bins - 1)
    return np.eye(bins, dtype=np.float32)[places]


def test_the_ratio_of_two_known_distributions_is_found() -> None:
    """Densities 2s and 2(1 - s) on 0..1: the ratio at s is s / (1 - s)."""
    rng = np.random.default_rng(2)
    n, bins = 20_000, 20
    same, other = np.sqrt(rng.random(n)), 1 - np.sqrt(rng.random(n))
    found = fit_ratio(histograms(same, bins), histograms(other, bins), rng)
    assert found is not None
    ratio, lower = found
    middle = (np.arange(bins) + 0.5) / bins
    assert ratio[2:-2] == pytest.approx((middle / (1 - middle))[2:-2], rel=0.15)
    assert (np.diff(ratio) >= 0).all()
    assert (np.diff(lower) >= 0).all()
    assert (lower <= ratio).all()


def test_the_ratio_of_two_normal_distributions_is_found() -> None:
    """Means 0.4 and 0.6, deviation 0.1: the logarithm of the ratio is 20 (s - 0.5)."""
    rng = np.random.default_rng(5)
    n, bins = 20_000, 100
    same, other = rng.normal(0.6, 0.1, n), rng.normal(0.4, 0.1, n)
    found = fit_ratio(histograms(same, bins), histograms(other, bins), rng)
    assert found is not None
    middle = (np.arange(bins) + 0.5) / bins
    true = np.exp(20 * (middle - 0.5))
    well_seen = (middle > 0.35) & (middle < 0.65)
    assert np.abs(np.log(found[0] / true))[well_seen].max() < 0.25
    assert (found[1] <= true)[well_seen].mean() > 0.9
    assert (found[1] > true / 2)[well_seen].all()


def test_the_lower_bound_holds_where_both_are_alike() -> None:
    """The true ratio is 1 everywhere: at most one sample in ten has a bound above it anywhere, and
    almost none one that would be called evidence."""
    highest = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        a, b = (histograms(rng.random(100), 50) for _ in range(2))
        found = fit_ratio(a, b, rng)
        assert found is not None
        highest.append(found[1].max())
    assert np.mean(np.array(highest) > 1) <= 0.1
    assert np.mean(np.array(highest) >= 2.08) <= 0.01


def test_the_lower_bound_rests_on_enough_patients() -> None:
    """Nothing is promised where too few are as dissimilar, nor where there are too few at all."""
    rng = np.random.default_rng(6)
    bins = 10
    same = histograms(np.linspace(0.25, 0.95, 40), bins)
    other = histograms(np.linspace(0.05, 0.75, 40), bins)
    found = fit_ratio(same, other, rng)
    assert found is not None
    at_or_below = np.cumsum(same.sum(axis=0))
    assert (found[1][at_or_below < FEWEST_IN_RUN] == 0).all()
    assert (found[1][at_or_below >= FEWEST_IN_RUN] > 0).all()
    few = slice(None, None, 3)
    found = fit_ratio(same[few], other[few], rng)
    assert found is not None
    assert (found[1] == 0).all()


def test_the_ends_rest_on_enough_patients() -> None:
    rng = np.random.default_rng(3)
    bins = 10
    same = histograms(np.concatenate([np.full(FEWEST_IN_TAIL, 0.75), np.full(3, 0.95)]), bins)
    other = histograms(np.concatenate([np.full(FEWEST_IN_TAIL, 0.85), np.full(20, 0.15)]), bins)
    assert fit_ratio(same, other, rng) is None
    same = histograms(np.linspace(0.3, 0.95, 40), bins)
    other = histograms(np.linspace(0.05, 0.75, 40), bins)
    found = fit_ratio(same, other, rng)
    assert found is not None
    ratio = found[0]
    assert np.isfinite(ratio).all()
    # At and beyond 0.7 fewer than five of the others lie: taken together from 0.6 on.
    assert len(np.unique(ratio[6:])) == 1
    few = np.zeros((FEWEST_IN_TAIL - 1, bins), np.float32)
    few[:, 5] = 1
    assert fit_ratio(few, few, rng) is None
