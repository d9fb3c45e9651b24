"""Permutation tests of a study of readers: of the groups over readers, and of the ancestries over
photos."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gestalt_space.gaze.crossed_trials import CrossedTrials, EffectName, Flags, Floats
from gestalt_space.stats.permutation import Stratum, draw_groups, p_value

FEWEST_FIGURES = 2
"""Of a side, so that it has a spread."""


def permuted(trials: CrossedTrials, permutations: int, seed: int) -> dict[EffectName, float]:
    """Two-sided p-values. The statistic is Welch's t of one figure of each unit, so that groups of
    unequal variance are not taken for groups of unequal mean (Janssen 1997). NaN where readers and
    photos cannot be told apart, or where a side has fewer than two figures."""
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
    squares; NaN for those without a value, and for all if some readers have neither photos nor,
    by way of other readers, anything in common with the rest: what their photos differ by would
    count as a difference of readers."""
    r, p = len(trials.is_second), int(trials.photo.max()) + 1
    if trials.is_other is not None:
        p = len(trials.is_other)
    if not _are_connected(trials):
        return np.full(r, np.nan), np.full(p, np.nan)
    design = np.zeros((len(trials.value), r + p))
    rows = np.arange(len(trials.value))
    design[rows, trials.reader] = 1
    design[rows, r + trials.photo] = 1
    found = np.linalg.lstsq(design, trials.value, rcond=None)[0]
    found[design.sum(axis=0) == 0] = np.nan
    return np.asarray(found[:r]), np.asarray(found[r:])


def _are_connected(trials: CrossedTrials) -> bool:
    """Whether a way leads from each reader to each other one, by photos that both saw."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    readers, photos = (
        np.unique(of, return_inverse=True)[1] for of in (trials.reader, trials.photo)
    )
    size = int(readers.max()) + int(photos.max()) + 2
    edges = (np.ones(len(readers)), (readers, photos + int(readers.max()) + 1))
    return int(connected_components(csr_array(edges, shape=(size, size)), directed=False)[0]) == 1


def _exchange(figures: Floats, second: Flags, permutations: int, seed: int) -> float:
    there = np.isfinite(figures)
    values, first = figures[there], ~second[there]
    if min(first.sum(), (~first).sum()) < FEWEST_FIGURES:
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
