"""The area under the ROC curve of two groups' scores, and its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import LEVEL, Estimate

_STEP = 1e-9
"""Away from an area of 0 or 1, which is as far from itself as the interval allows, too."""


def area(scores: NDArray[np.floating], first: NDArray[np.bool_]) -> float:
    """The probability that a unit of the `first` group `(u,)` has a higher score `(u,)` than one of
    the other group, ties counting half; 0.5 is chance."""
    from scipy.stats import rankdata

    ones = int(first.sum())
    ranks = float(rankdata(scores)[first].sum())
    return (ranks - ones * (ones + 1) / 2) / (ones * (len(first) - ones))


def area_under_curve(
    scores: NDArray[np.floating],
    first: NDArray[np.bool_],
    shuffled: NDArray[np.floating] | None = None,
) -> Estimate:
    """The area of scores `(u,)`, with an interval that has a width even for an area of 1, unlike
    that of the bootstrap (Newcombe 2006, method 5, doi:10.1002/sim.2324).

    Scores of cross-validation depend on each other, and vary more than independent ones. The
    interval is wider by as much as the areas of `shuffled` labels `(m,)` are.
    """
    found = area(scores, first)
    ones, others = int(first.sum()), int(np.sum(~first))
    wider = 1.0
    if shuffled is not None:
        wider = max(1.0, float(np.std(shuffled)) / _spread(0.5, ones, others))
    low, high = (_end(found, ones, others, wider, upper=upper) for upper in (False, True))
    return Estimate(found, low, high)


def _spread(true: float, ones: int, others: int) -> float:
    """The standard deviation of an area of independent scores."""
    extra = (ones + others) / 2 - 1
    factor = 1 + extra * ((1 - true) / (2 - true) + true / (1 + true))
    return math.sqrt(true * (1 - true) * factor / (ones * others))


def _end(found: float, ones: int, others: int, wider: float, *, upper: bool) -> float:
    """The area from which the one found is as far as the interval allows."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = float(norm.ppf((1 + LEVEL) / 2)) * wider

    def gap(true: float) -> float:
        reach = z * _spread(true, ones, others)
        return true - found - reach if upper else found - true - reach

    limit = 1.0 if upper else 0.0
    if gap(limit) <= 0:
        return limit
    start = found + _STEP if upper else found - _STEP
    return float(brentq(gap, start, limit))
