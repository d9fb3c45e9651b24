"""The threshold of binary classifiers, and shares of patients."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.training.classifier.threshold import best_threshold, share_of


def test_the_threshold_is_between_the_classes() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.7, 0.9])
    assert best_threshold(scores, scores > 0.5) == pytest.approx(0.5)


def test_of_equally_good_thresholds_the_nearest_to_a_half_is_taken() -> None:
    scores = np.array([0.05, 0.1, 0.6, 0.8])
    first = np.array([False, True, False, True])
    # 0.075 and 0.7 are equally good.
    assert best_threshold(scores, first) == pytest.approx(0.7)


def test_no_threshold_is_better() -> None:
    rng = np.random.default_rng(3)
    first = rng.random(80) < 0.3
    scores = np.clip(rng.normal(0.4 + 0.2 * first, 0.2), 0, 1)

    def youden(threshold: float) -> float:
        said = scores >= threshold
        return float(said[first].mean() + (~said[~first]).mean())

    best = youden(best_threshold(scores, first))
    assert all(youden(one) <= best + 1e-12 for one in np.linspace(-0.1, 1.1, 500))


def test_an_interval_of_a_share_is_wilsons_where_nobody_has_relatives() -> None:
    hits = np.arange(50) < 40
    found = share_of(hits, np.arange(50))
    assert found.value == 0.8
    # Wilson's: 0.6696 to 0.8876; Student's quantile makes it a little wider.
    assert 0.65 < found.low < 0.67
    assert 0.887 < found.high < 0.90


def test_relatives_are_no_independent_evidence() -> None:
    hits = np.repeat(np.arange(10) < 8, 5)
    alone, families = share_of(hits, np.arange(50)), share_of(hits, np.repeat(np.arange(10), 5))
    assert families.high - families.low > 1.5 * (alone.high - alone.low)


def test_an_interval_has_a_width_where_all_are_hits() -> None:
    found = share_of(np.ones(20, bool), np.arange(20))
    assert found.value == found.high == 1
    assert 0.8 < found.low < 0.9
