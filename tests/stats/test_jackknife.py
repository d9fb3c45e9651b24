from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.stats.jackknife import Effects, share_interval, variance

NOBODY = np.zeros((0, 2), np.int64)


def alone(own: np.ndarray, weights: np.ndarray) -> Effects:
    return Effects(own[:, None], weights[:, None], NOBODY, np.zeros((0, 1)))


def test_of_units_that_decide_nothing_for_others_it_is_the_stratified_variance() -> None:
    """Two strata of 3 and 4 units, of weight 1/7 each."""
    hits, strata = np.array([1, 0, 0, 1, 1, 1, 0.0]), np.array([0, 0, 0, 1, 1, 1, 1])
    weights = np.full(7, 1 / 7)
    found, degrees = variance(alone(hits * weights, weights), strata)
    parts = [3 * hits[:3].var(ddof=1) / 49, 4 * hits[3:].var(ddof=1) / 49]
    assert found[0] == pytest.approx(sum(parts))
    assert degrees[0] == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3))


def test_what_two_units_do_together_counts_once() -> None:
    """Each case is decided by its own unit and one other: errors are of pairs, all independent."""
    rng = np.random.default_rng(1)
    units, chance, ratios = 40, 0.03, []
    first, second = np.triu_indices(units, 1)
    cases = len(first)
    for _ in range(300):
        missed = rng.random(cases) < chance
        weight = 1 / cases
        own = np.bincount(first, ~missed * weight, minlength=units)
        weights = np.bincount(first, minlength=units) * weight
        pairs = np.stack([first[missed], second[missed]], axis=1)
        effects = Effects(
            own[:, None], weights[:, None], pairs, np.full((missed.sum(), 1), -weight)
        )
        found, _ = variance(effects, np.zeros(units, np.int64))
        ratios.append(found[0] / (chance * (1 - chance) / cases))
    assert 0.85 <= np.mean(ratios) <= 1.25


def test_a_share_without_variation_has_the_interval_of_as_many_units() -> None:
    """None of 20: Wilson's upper end, with Student's quantile at 19 degrees of freedom."""
    found = share_interval(0.0, 0.0, 19, 20)
    assert (found.value, found.low) == (0, 0)
    reach = 2.093024**2
    assert found.high == pytest.approx(reach / (20 + reach), rel=1e-4)
    assert share_interval(1.0, 0.0, 19, 20).low == pytest.approx(1 - found.high)


@pytest.mark.parametrize("share", [0.03, 0.5, 0.9])
def test_intervals_of_independent_shares_hold_the_truth_as_often_as_they_say(share: float) -> None:
    rng, held = np.random.default_rng(3), 0
    weights = np.full(80, 1 / 80)
    for _ in range(600):
        hits = (rng.random(80) < share) * 1.0
        found, degrees = variance(alone(hits * weights, weights), np.zeros(80, np.int64))
        one = share_interval(hits.mean(), found[0], degrees[0], 80)
        held += one.low <= share <= one.high
    assert 0.93 <= held / 600 <= 0.985
