"""The threshold of a binary classifier, and how well it tells two classes apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.jackknife import Effects, share_interval, variance

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


def best_threshold(scores: Floats, first: Flags) -> float:
    """The threshold for scores `(n,)`, from which on a patient is of the `first` class `(n,)`, with
    the largest sum of sensitivity and specificity (Youden 1950). It lies in the middle between two
    scores; of equal ones it is that nearest to 0.5."""
    values = np.unique(scores)
    cuts = np.concatenate([[values[0]], (values[1:] + values[:-1]) / 2])
    sensitive = (scores[first][None] >= cuts[:, None]).mean(axis=1)
    specific = (scores[~first][None] < cuts[:, None]).mean(axis=1)
    sums = sensitive + specific
    best = cuts[sums >= sums.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def share_of(hits: Flags, families: Numbers) -> Estimate:
    """The share of patients `(n,)` that are hits, with a 95 % interval in which relatives are not
    independent.

    It is a Wilson interval for as many independent patients as have this variance between families.
    The bootstrap's has no width where all are hits.
    """
    units, unit = np.unique(families, return_inverse=True)
    count = len(hits)
    own = np.bincount(unit, hits.astype(float), len(units))[:, None] / count
    weights = np.bincount(unit, minlength=len(units))[:, None] / count
    effects = Effects(own, weights, np.empty((0, 2), np.int64), np.empty((0, 1)))
    spread, degrees = variance(effects, np.zeros(len(units), np.int64))
    return share_interval(float(hits.mean()), float(spread[0]), float(degrees[0]), len(units))
