"""Confidence intervals for figures whose cases depend on each other, such as hits of patients who
are ranked against one another: if a patient is replaced, the hits of others change, too.

A unit is what is resampled together; a figure is a sum over cases. The effect of a unit on a figure
is found by deleting it: its own cases are removed, and the cases of others are evaluated without
it. Such deletions give the jackknife variance (Efron and Stein 1981), which counts interactions of
two units twice, and interactions of three units three times. It is therefore corrected with second
differences: those of a case and a unit that decides it. See `variance`.
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
    """The effects of deletions on the `f` figures of cases of `u` units.

    `own` `(u, f)`: the contribution of each unit's cases to each figure; `weights` `(u, f)`: the
    weight of those cases in it. `pairs` `(x, 2)`: the unit of a case, and another unit that decides
    the case; `lost` `(x, f)`: what the figures lose if the other unit is deleted, negative for a
    gain.
    """

    own: Floats
    weights: Floats
    pairs: Numbers
    lost: Floats


def variance(effects: Effects, strata: Numbers) -> tuple[Floats, Floats]:
    """The variance `(f,)` of figures if units are resampled within their strata `(u,)`, and its
    degrees of freedom (Satterthwaite 1946).

    Let V₁, V₂ and V₃ be the variance components of single units, pairs and triples (Hoeffding
    1948). Deletions J estimate V₁ + 2 V₂ + 3 V₃, squared second differences S estimate V₂ + 3 V₃. J
    − S is unbiased if V₃ = 0. If S is above J / 2, V₃ is not 0, and (2 J − S) / 3 = ⅔ V₁ + V₂ + V₃
    is closer. The variance is at least that between cases alone. A stratum needs two units; a
    single unit contributes nothing.
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
    """The interval of a share, 0..1: a Wilson (1927) interval for the number of independent cases
    that would have this variance (Korn and Graubard 1998), with Student's quantile. If nothing
    varies, the number of `units` is used: none of a few is not certainty."""
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
    """The deviations of units from their weight's part of the sum, as in a ratio."""
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
