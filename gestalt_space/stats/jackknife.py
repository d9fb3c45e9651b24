"""Intervals of figures whose cases lean on each other: hits of patients who are ranked against one
another, where a patient who is drawn anew changes the hits of others, too.

A unit is what is drawn anew together; a figure is a sum over cases. What a unit does to a figure is
seen by deleting it: its own cases go, and those of others are judged without it. Such deletions
give the jackknife variance (Efron and Stein 1981), which counts what two units do together twice,
and what three do together three times. So it is corrected by second differences: those of a case
and a unit that decides it. See `variance`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import LEVEL, Estimate

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effects:
    """What deletions do to the `f` figures of cases of `u` units.

    `own` `(u, f)`: what the cases of each unit add to each figure; `weights` `(u, f)`: how much
    those cases weigh in it. `pairs` `(x, 2)`: a case's unit and another unit that decides the case;
    `lost` `(x, f)`: what the figures lose with the other unit, negative where they gain.
    """

    own: Floats
    weights: Floats
    pairs: Numbers
    lost: Floats


def variance(effects: Effects, strata: Numbers) -> tuple[Floats, Floats]:
    """The variance `(f,)` of figures where units are drawn anew within their strata `(u,)`, and its
    degrees of freedom (Satterthwaite 1946).

    With V₁, V₂, V₃ the parts of the variance that units make alone, by twos and by threes
    (Hoeffding 1948), deletions J give V₁ + 2 V₂ + 3 V₃, squared second differences S give
    V₂ + 3 V₃. J − S is right without V₃. Where S is above J / 2, there is some, and
    (2 J − S) / 3 = ⅔ V₁ + V₂ + V₃ is nearer.
    At the least it is what cases alone vary by. A stratum needs two units; one alone adds nothing.
    """
    count, figures = effects.own.shape
    others = np.zeros((count, figures))
    np.add.at(others, effects.pairs[:, 1], effects.lost)
    jackknife, alone = np.zeros(figures), np.zeros(figures)
    squares = np.zeros(figures)
    for stratum in np.unique(strata):
        units = np.flatnonzero(strata == stratum)
        if len(units) < 2:
            continue
        free = len(units) - 1
        own = _residuals(effects.own[units], effects.weights[units])
        both = own + others[units] - others[units].mean(axis=0)
        part = (both**2).sum(axis=0) * len(units) / free
        jackknife += part
        squares += part**2 / free
        alone += (own**2).sum(axis=0) * len(units) / free
    seconds = _squares_of_pairs(effects, count)
    found = np.maximum(np.maximum(jackknife - seconds, (2 * jackknife - seconds) / 3), alone)
    most = max(1, len(strata) - len(np.unique(strata)))
    degrees = np.full(figures, float(most))
    np.divide(jackknife**2, squares, out=degrees, where=squares > 0)
    return found, np.clip(degrees, 1, most)


def share_interval(value: float, variance: float, degrees: float, units: int) -> Estimate:
    """The interval of a share, 0..1: that of Wilson (1927) for as many independent cases as would
    have the variance (Korn and Graubard 1998), with Student's quantile. Where nothing varies, for
    `units`, so that none found of few is no certainty."""
    reach = _quantile(degrees) ** 2
    spread = value * (1 - value)
    cases = spread / variance if variance > 0 and spread > 0 else units
    middle = (value + reach / (2 * cases)) / (1 + reach / cases)
    half = np.sqrt(reach * (spread / cases + reach / (4 * cases**2))) / (1 + reach / cases)
    # Rounding may leave a share of 0 or 1 just outside.
    low, high = min(middle - half, value), max(middle + half, value)
    return Estimate(value, max(0.0, float(low)), min(1.0, float(high)))


def _quantile(degrees: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def _residuals(own: Floats, weights: Floats) -> Floats:
    """What units have more or less than their weight's part of the sum, as in a ratio."""
    total = weights.sum(axis=0)
    ratio = np.divide(own.sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
    return np.asarray(own - weights * ratio)


def _squares_of_pairs(effects: Effects, count: int) -> Floats:
    """The squares `(f,)` of the second differences, summed over pairs of units."""
    if not len(effects.pairs):
        return np.zeros(effects.own.shape[1])
    ends = np.sort(effects.pairs, axis=1)
    codes = np.unique(ends[:, 0] * count + ends[:, 1], return_inverse=True)[1]
    sums = [np.bincount(codes, column) for column in effects.lost.T]
    return np.array([(one**2).sum() for one in sums])
