"""Permutation tests of a study of readers: of the groups over readers, and of the ancestries over
photos."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gestalt_space.gaze.crossed_trials import CrossedTrials, EffectName, Flags, Floats
from gestalt_space.stats.permutation import Stratum, draw_groups, p_value


def permuted(trials: CrossedTrials, permutations: int, seed: int) -> dict[EffectName, float]:
    """Two-sided p-values; NaN if a group has fewer than two units with a figure. The statistic is
    Welch's t of one figure of each unit, so that groups of unequal variance are not taken for
    groups of unequal mean (Janssen 1997)."""
    p: dict[EffectName, float] = {}
    readers, photos = _additive(trials)
    p["group"] = _exchange(readers, trials.is_second, permutations, seed)
    if trials.is_other is not None:
        p["ancestry"] = _exchange(photos, trials.is_other, permutations, seed)
        parts = []
        for other in (False, True):
            inside = trials.is_other[trials.photo] == other
            parts.append(
                _additive(
                    replace(
                        trials,
                        reader=trials.reader[inside],
                        photo=trials.photo[inside],
                        value=trials.value[inside],
                    )
                )[0]
            )
        p["group x ancestry"] = _exchange(parts[0] - parts[1], trials.is_second, permutations, seed)
    return p


def _additive(trials: CrossedTrials) -> tuple[Floats, Floats]:
    """The figure of each reader, as if all had seen all photos, and of each photo, by least
    squares; NaN for those without a value."""
    r, p = len(trials.is_second), int(trials.photo.max()) + 1
    if trials.is_other is not None:
        p = len(trials.is_other)
    design = np.zeros((len(trials.value), r + p))
    rows = np.arange(len(trials.value))
    design[rows, trials.reader] = 1
    design[rows, r + trials.photo] = 1
    found = np.linalg.lstsq(design, trials.value, rcond=None)[0]
    found[design.sum(axis=0) == 0] = np.nan
    return np.asarray(found[:r]), np.asarray(found[r:])


def _exchange(figures: Floats, second: Flags, permutations: int, seed: int) -> float:
    there = np.isfinite(figures)
    values, first = figures[there], ~second[there]
    if min(first.sum(), (~first).sum()) < 2:
        return math.nan
    values = values - values.mean()
    strata = [Stratum(np.arange(len(values)), int(first.sum()))]
    rng = np.random.default_rng(seed)
    blocks = draw_groups(rng, strata, len(values), permutations)
    drawn = np.concatenate([_welch(values, block.astype(np.float64)) for block in blocks])
    return p_value(float(_welch(values, first[None].astype(np.float64))[0]), drawn)


def _welch(values: Floats, first: Floats) -> Floats:
    """The size of Welch's t `(m,)` of values `(n,)`, for rows `(m, n)` of who is in the first
    group."""
    found = []
    for rows in (first, 1 - first):
        count = rows.sum(axis=1)
        mean = rows @ values / count
        spread = np.maximum(rows @ values**2 / count - mean**2, 0) / (count - 1)
        found.append((mean, spread))
    gap = np.abs(found[0][0] - found[1][0])
    return np.asarray(gap / np.sqrt(np.maximum(found[0][1] + found[1][1], 1e-300)))
