from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.evaluation.accuracy import measure_accuracy
from gestalt_space.stats import resampling
from gestalt_space.stats.resampling import Bootstrap, estimate


def test_every_draw_is_of_as_many_patients_as_there_are() -> None:
    weights = np.concatenate(list(Bootstrap(300, 1).weights(37)))
    assert weights.shape == (300, 37)
    assert (weights.sum(axis=1) == 37).all()
    assert weights.mean(axis=0) == pytest.approx(1, abs=0.3)
    assert weights.var() == pytest.approx(36 / 37, rel=0.05)


def test_the_same_seed_draws_alike() -> None:
    first, again, other = (
        np.concatenate(list(Bootstrap(50, seed).weights(9))) for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "_AT_ONCE", 70)
    blocks = list(Bootstrap(25, 0).weights(10))
    assert [len(block) for block in blocks] == [7, 7, 7, 4]


def test_the_interval_is_between_percentiles() -> None:
    found = estimate(0.5, np.arange(1001) / 1000)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.025, 0.975))


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """A share of 0.4 of 60 patients, who have one to three photos with one fate each."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        hit = rng.random(60) < 0.4
        patients = np.repeat(np.arange(60), rng.integers(1, 4, 60))
        ranks = np.where(hit[patients], 1, 99)
        one = measure_accuracy(
            [ranks], patients, np.zeros(len(ranks), np.int64), Bootstrap(200, 0)
        )[0].top[1]
        held += one.low <= 0.4 <= one.high
    assert 0.89 <= held / 200 <= 0.98


@pytest.mark.slow
def test_intervals_of_means_over_small_disorders_hold_the_truth_a_little_less_often() -> None:
    """Most disorders have two or three patients, and are found less often than large ones."""
    rng = np.random.default_rng(0)
    sizes = np.repeat([2, 3, 4, 6, 10, 25], [15, 8, 5, 4, 4, 4])
    found = np.clip(0.1 + 0.12 * np.log2(sizes) + rng.normal(0, 0.12, len(sizes)), 0.02, 0.98)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    patients, held = np.arange(len(groups)), 0
    for _ in range(300):
        ranks = np.where(rng.random(len(groups)) < found[groups], 1, 99)
        top = measure_accuracy([ranks], patients, groups, Bootstrap(400, 1))[0].top_of_disorders[1]
        held += top.low <= found.mean() <= top.high
    assert 0.88 <= held / 300 <= 0.97
