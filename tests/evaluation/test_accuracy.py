"""Top-k and ranks over cases and over disorders, by hand and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.evaluation.accuracy import measure_accuracy
from gestalt_space.evaluation.topk import TOPS
from gestalt_space.stats.resampling import Bootstrap

FEW = Bootstrap(200, 3)


def test_by_hand() -> None:
    """D0 has ranks 1, 1, 6, 40 of three patients; D1 has rank 1 of one."""
    found = measure_accuracy(
        [np.array([1, 1, 1, 6, 40])], np.array([9, 1, 1, 2, 3]), np.array([1, 0, 0, 0, 0]), FEW
    )[0]
    assert (found.cases, found.patients, found.disorders) == (5, 4, 2)
    assert {k: one.value for k, one in found.top.items()} == pytest.approx(
        {1: 3 / 5, 5: 3 / 5, 10: 4 / 5, 30: 4 / 5}
    )
    assert {k: one.value for k, one in found.top_of_disorders.items()} == pytest.approx(
        {1: (1 + 2 / 4) / 2, 5: 0.75, 10: (1 + 3 / 4) / 2, 30: 0.875}
    )
    assert found.mean_rank == pytest.approx(49 / 5)
    assert found.median_rank == 1


@pytest.mark.parametrize(("ranks", "median"), [([1, 2, 3, 10], 2.5), ([4], 4), ([2, 2, 9], 2)])
def test_the_median_lies_in_the_middle(ranks: list[int], median: float) -> None:
    places = np.arange(len(ranks))
    found = measure_accuracy([np.array(ranks)], places, np.zeros(len(ranks), np.int64), FEW)[0]
    assert found.median_rank == median


def test_replicates_are_figures_of_patients_drawn_with_all_their_cases() -> None:
    rng = np.random.default_rng(0)
    count, drawn = 60, Bootstrap(100, 5)
    patients, groups = rng.integers(0, 25, count), rng.integers(0, 7, count)
    ranks = rng.integers(1, 60, count)
    owners = np.unique(patients)
    tops: list[list[float]] = []
    for weights in np.concatenate(list(drawn.weights(len(owners)))):
        cases = [
            case
            for owner, times in zip(owners, weights, strict=True)
            for case in np.flatnonzero(patients == owner)
            for _ in range(int(times))
        ]
        of = {g: [ranks[c] for c in cases if groups[c] == g] for g in set(groups[cases].tolist())}
        macro = [np.mean([np.mean(np.array(r) <= k) for r in of.values()]) for k in TOPS]
        micro = [float(np.mean(ranks[cases] <= k)) for k in TOPS]
        tops.append([*micro, *macro])
    low, high = np.quantile(np.array(tops), [0.025, 0.975], axis=0)
    found = measure_accuracy([ranks], patients, groups, drawn)[0]
    estimates = [
        *found.top.values(),
        *found.top_of_disorders.values(),
    ]
    assert [one.low for one in estimates] == pytest.approx(low.tolist(), rel=1e-5)
    assert [one.high for one in estimates] == pytest.approx(high.tolist(), rel=1e-5)


def test_several_rankings_are_each_what_they_are_alone() -> None:
    rng = np.random.default_rng(1)
    patients, groups = rng.integers(0, 20, 50), rng.integers(0, 5, 50)
    ranks = [rng.integers(1, 30, 50) for _ in range(3)]
    together = measure_accuracy(ranks, patients, groups, FEW)
    assert together == [measure_accuracy([one], patients, groups, FEW)[0] for one in ranks]
