"""Probabilities of two kinds from values that share clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from gestalt_space.stats.posterior import Reference, best_threshold, probability_high


def pairs_of(count: int, apart: float, rng: np.random.Generator, shared: float = 0.0) -> Reference:
    """Values of one cluster around 0 and of two around `apart`, each of variance 1, of which each
    cluster's values have `shared` in common."""
    own = np.sqrt(shared) * rng.standard_normal(count)
    one, other = np.divmod(np.arange(count * count), count)
    of = np.stack([one, other], axis=1)[one != other]
    same = np.repeat(np.arange(count), 10)
    low = own[same] + np.sqrt(1 - shared) * rng.standard_normal(len(same))
    both = (own[of[:, 0]] + own[of[:, 1]]) / np.sqrt(2)
    high = apart + both + np.sqrt(1 - shared) * rng.standard_normal(len(of))
    return Reference(
        np.concatenate([low, high]),
        np.arange(len(same) + len(of)) >= len(same),
        np.concatenate([np.stack([same, same], axis=1), of]),
    )


@pytest.mark.parametrize("prior", [0.1, 0.5, 0.9])
def test_the_probability_is_that_of_bayes(prior: float):
    found = pairs_of(60, 2.0, np.random.default_rng(1))
    for value in (-1.0, 0.5, 1.0, 2.0, 3.0):
        high, low = prior * norm.pdf(value - 2), (1 - prior) * norm.pdf(value)
        told = probability_high(found, value, prior=prior)
        assert told.value == pytest.approx(high / (high + low), abs=0.06)
        assert 0 < told.low <= told.value <= told.high < 1


def test_both_kinds_are_reached_and_it_never_falls():
    found = pairs_of(30, 3.0, np.random.default_rng(2))
    told = [probability_high(found, value, prior=0.5).value for value in np.linspace(-3, 6, 19)]
    assert told == sorted(told)
    assert told[0] < 0.02
    assert told[-1] > 0.98


def test_the_interval_is_that_of_clusters_drawn_again():
    """What clusters have in common counts: against the spread of the probability over references,
    and far wider than if all values stood alone."""
    rng = np.random.default_rng(3)
    many = [probability_high(pairs_of(15, 2.0, rng, shared=0.8), 2.0, prior=0.5) for _ in range(60)]
    alone = probability_high(pairs_of(15, 2.0, rng, shared=0.0), 2.0, prior=0.5)
    widths = [one.high - one.low for one in many]
    assert 2.5 < np.median(widths) / np.std([one.value for one in many]) < 6
    assert np.median(widths) > 1.8 * (alone.high - alone.low)
    true = norm.pdf(0) / (norm.pdf(0) + norm.pdf(2))
    assert np.mean([one.low <= true <= one.high for one in many]) > 0.8


def test_nothing_to_tell_apart_leaves_the_prior():
    rng = np.random.default_rng(4)
    for prior in (0.2, 0.5):
        told = [probability_high(pairs_of(20, 0.0, rng), 1.0, prior=prior).value for _ in range(20)]
        assert np.mean(told) == pytest.approx(prior, abs=0.05)
    backwards = pairs_of(20, -3.0, rng)
    assert probability_high(backwards, 1.0, prior=0.3).value == pytest.approx(0.3)


def test_few_clusters_that_do_not_overlap_give_no_certainty():
    found = pairs_of(10, 60.0, np.random.default_rng(5))
    told = probability_high(found, 30.0, prior=0.5)
    assert 0.05 < told.value < 0.95


def test_the_threshold_is_where_two_kinds_are_told_apart_best():
    found = Reference(
        np.array([0.1, 0.2, 0.5, 0.4, 0.6, 0.7]),
        np.array([False, False, False, True, True, True]),
        np.array([[0, 0], [1, 1], [2, 2], [0, 1], [1, 2], [0, 2]]),
    )
    best = best_threshold(found)
    assert (best.value, best.sensitivity) == (0.4, 1.0)
    assert best.specificity == pytest.approx(2 / 3)
