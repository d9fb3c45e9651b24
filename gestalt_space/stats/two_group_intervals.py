"""Confidence intervals for the distance between the means of two groups, and for the ratio of their
spreads."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import LEVEL, Estimate
from gestalt_space.stats.two_groups import (
    Floats,
    GroupMoments,
    Members,
    Numbers,
    at_one_length,
    group_moments,
    moments_left_out,
    shift,
    two_rows,
)


def shift_intervals(vectors: Floats, kinds: Numbers, first: Members) -> list[Estimate]:
    """Half the squared distance of the groups' means of units `(u, d)`: over all kinds, the common
    part, and for each kind, as in `shift`; 2 + k estimates.

    By the jackknife, which counts the remaining variance twice if the means are equal (a product of
    two residuals has no part that is linear in one unit). Half of that is subtracted: with all of
    it subtracted, the coverage of intervals of large shifts was too low. The common part has NaN
    ends.
    """
    of = group_moments(vectors, kinds, *two_rows(first))
    values = shift(of).half_square[0]
    left_out = _left_out(vectors, kinds, first, lambda cells: shift(cells).half_square)
    variance, freedom = _jackknife_variance(left_out, 2 * kinds + first)
    share, twice = of.shares[0], _product_variance(of, vectors, kinds, first)
    twice = np.concatenate([[(share**2 * twice).sum(), math.nan], twice])
    far = _reach(np.maximum(variance - twice / 2, twice), freedom)
    return [
        Estimate(float(value), float(value - one), float(value + one))
        for value, one in zip(values, far, strict=True)
    ]


def spread_ratio(vectors: Floats, kinds: Numbers, first: Members) -> tuple[Estimate, float]:
    """The ratio of the spread of the second group to that of the first, and the p-value of the
    spreads being equal.

    `vectors` `(u, d)` are unit vectors, or means of some. The spread of a kind is the expected
    squared distance of one unit vector from the true mean: 1 − the mean inner product of two
    different units, for any number of vectors per mean. The ratio is of spreads weighted over
    kinds; its interval and its two-sided p-value are from the jackknife of its logarithm.
    """
    from scipy.stats import t

    value = float(_log_ratio(group_moments(vectors, kinds, *two_rows(first)))[0, 0])
    left_out = _left_out(vectors, kinds, first, _log_ratio)
    variance, freedom = _jackknife_variance(left_out, 2 * kinds + first)
    far = float(_reach(variance, freedom)[0])
    error = math.sqrt(float(variance[0]))
    p = float(2 * t.sf(abs(value) / error, freedom[0])) if error > 0 else 1.0
    return Estimate(*(math.exp(one) for one in (value, value - far, value + far))), p


def _jackknife_variance(left_out: Floats, samples: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The variance `(c,)` of figures that were computed without each unit in turn, `(u, c)` (Efron
    and Stein 1981), and its degrees of freedom `(c,)` (Satterthwaite 1946). `samples` `(u,)`: the
    sample of each unit, which is one kind in one group; two or more units in each."""
    parts, least = [], []
    for sample in np.unique(samples):
        rows = left_out[samples == sample]
        parts.append((len(rows) - 1) * rows.var(axis=0))
        least.append(parts[-1] ** 2 / (len(rows) - 1))
    variance, squares = np.sum(parts, axis=0), np.sum(least, axis=0)
    freedom = np.divide(variance**2, squares, out=np.ones_like(variance), where=squares > 0)
    return variance, freedom


def _reach(variance: Floats, freedom: Floats) -> Floats:
    """The half-width of an interval, by Student's distribution."""
    from scipy.stats import t

    return np.asarray(np.sqrt(variance) * t.ppf((1 + LEVEL) / 2, freedom), dtype=np.float64)


def _log_ratio(of: GroupMoments) -> Floats:
    spreads = np.maximum((of.shares * (1 - of.squares)).sum(axis=2), np.finfo(float).tiny)
    return np.asarray(np.log(spreads[1] / spreads[0])[:, None])


def _left_out(
    vectors: Floats,
    kinds: Numbers,
    first: Members,
    figure: Callable[[GroupMoments], Floats],
) -> Floats:
    """A figure of cells without each unit in turn: `(u, c)`."""
    return np.concatenate([figure(cells) for cells in moments_left_out(vectors, kinds, first)])


def _product_variance(of: GroupMoments, vectors: Floats, kinds: Numbers, first: Members) -> Floats:
    """`(k,)`: the variance of half the squared distance where the true means are alike, from traces
    of the groups' covariances, pooled over kinds (Bai and Saranadasa 1996; Chen and Qin 2010)."""
    scaled = at_one_length(vectors, kinds, first)
    means = group_moments(scaled, kinds, *two_rows(first)).means[:, 0]
    residuals = scaled - np.where(first[:, None], means[0][kinds], means[1][kinds])
    own, free, products = [], [], []
    for group in (first, ~first):
        rows = residuals[group]
        freedom = len(rows) - len(np.unique(kinds[group]))
        products.append(rows.T @ rows)
        # Of the products of all pairs, without their matrix.
        squares = float((products[-1] ** 2).sum()) / freedom**2
        trace = float((rows**2).sum()) / freedom
        scale = freedom**2 / max((freedom - 1) * (freedom + 2), 1)
        own.append(scale * (squares - trace**2 / freedom))
        free.append(freedom)
    cross = float((products[0] * products[1]).sum()) / (free[0] * free[1])
    n, m = of.counts[:, 0]
    return np.asarray((own[0] / (n * (n - 1)) + own[1] / (m * (m - 1)) + 2 * cross / (n * m)) / 2)
