"""Likelihood ratios: how many times more often a value occurs with something than without, with a
lower confidence bound.

Values are divided into bins from the highest down. Each bin but the last holds as many independent
groups of the first kind as requested: its lower edge is where that number is reached (inverse
sampling), so that the Clopper–Pearson (1934) bound of a share is exact there, however few groups
there are. The effective number of independent groups of a share is estimated by a jackknife over
groups, as Korn and Graubard (1998) do for surveys.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

FEWEST_IN_BIN = 5
"""Independent groups of each kind in the highest bin."""
LARGEST_BIN = 1 / 8
"""Largest share of all values of either kind in a bin; the highest bins are smaller."""
CONFIDENCE = 0.95
"""Confidence level of the one-sided lower bound."""

_AT_FIRST = 2_000
"""If there are more values, the first ones are searched before all are."""


@dataclass(frozen=True)
class WeightedValues:
    """Values `(n,)` of one kind, with positive weights, and the group `(n,)` of each, numbers from
    0. `origins` `(n,)`: a second group of each, -1 for none."""

    values: NDArray[np.floating]
    weights: Floats
    groups: NDArray[np.integer]
    origins: NDArray[np.integer]

    def descending(self) -> WeightedValues:
        """With the highest values first; itself where it is so."""
        if (self.values[:-1] >= self.values[1:]).all():
            return self
        order = np.argsort(-self.values)
        return WeightedValues(
            self.values[order], self.weights[order], self.groups[order], self.origins[order]
        )


@dataclass(frozen=True)
class RatioCurve:
    """A likelihood ratio that never decreases. `edges` `(b - 1,)`, ascending: the lower edges of
    the second, third … bin. `ratio`, `lower` `(b,)`: in each bin; `lower` is the one-sided 95 %
    confidence bound."""

    edges: Floats
    ratio: Floats
    lower: Floats


def fit_ratio(
    same: WeightedValues, other: WeightedValues, *, fewest: int = FEWEST_IN_BIN
) -> RatioCurve | None:
    """The ratio of the densities of `same` and `other`; None if they do not fill two bins.

    The ratio is the isotonic regression of the share of `same` on the bins, with equal weights for
    both kinds. It is not assumed to be constant within a bin: at the bin's lower edge it is less
    than its mean. So each bin has the bound of the next lower bin, all of whose values are smaller.
    A bound is also never larger than that of any higher bin, so that no part of the curve is more
    likely to be wrong than the highest bin. The lowest bin has the bound 0.
    """
    from scipy.optimize import isotonic_regression

    same, other = same.descending(), other.descending()
    edges = _edges(same, other, fewest)
    if not len(edges):
        return None
    shares, spreads, counts = _shares(same, other, edges)
    if (shares[1] <= 0).any():
        return None
    bounds = lower_share(shares[0], counts, spreads, groups=len(np.unique(same.groups))) / shares[1]
    lower = np.zeros(len(bounds))
    lower[1:] = np.minimum.accumulate(bounds[-2::-1])[::-1]
    mass = shares.sum(axis=0)
    part = np.minimum(isotonic_regression(shares[0] / mass, weights=mass).x, 1 - 1e-9)
    ratio = np.asarray(part / (1 - part), dtype=np.float64)
    return RatioCurve(edges, ratio, np.minimum(lower, ratio))


def lower_share(shares: Floats, counts: Floats, spreads: Floats, *, groups: int) -> Floats:
    """One-sided lower bounds of shares `(b,)`, 0..1, by Clopper and Pearson, with the effective
    sample size that follows from `spreads` (Korn and Graubard 1998).

    `spreads` `(b,)`: variances of the logarithms of the shares; `counts` `(b,)`: independent groups
    in each share, at most; `groups`: the number of groups from which the spreads were estimated.
    """
    from scipy import stats

    wider = (stats.norm.ppf(CONFIDENCE) / stats.t.ppf(CONFIDENCE, max(groups - 1, 1))) ** 2
    seen = np.minimum(counts, wider * (1 - shares) / np.maximum(spreads, 1e-12))
    size = seen / np.maximum(shares, 1e-12)
    bounds = stats.beta.ppf(1 - CONFIDENCE, seen, np.maximum(size - seen, 0) + 1)
    return np.nan_to_num(np.asarray(bounds, dtype=np.float64))


def independent(sums: Floats) -> float:
    """The effective number of groups of equal weight for sums over groups `(g,)`: (Σ s)² / Σ s²
    (Kish 1965)."""
    squares = float((sums**2).sum())
    return float(sums.sum()) ** 2 / squares if squares else 0.0


class _Descent:
    """The descending values of one kind, traversed from the highest down."""

    def __init__(self, kind: WeightedValues, *groups: NDArray[np.integer]) -> None:
        self._values, self._weights, self._groups = kind.values, kind.weights, groups
        self._grown = np.cumsum(kind.weights)
        self._start = 0

    @property
    def above(self) -> float:
        """The share of all weight above the current place."""
        return float(self._grown[self._start - 1] / self._grown[-1]) if self._start else 0.0

    def go_below(self, edge: float) -> None:
        """Go to the first value below."""
        values = self._values
        places = range(self._start, len(values))
        self._start += bisect_left(places, True, key=lambda place: bool(values[place] < edge))

    def heavy(self, share: float) -> float:
        """The value at which the weight from the top reaches a share of all weight; the last value
        if it never does."""
        wanted = (self.above + share) * self._grown[-1] - 1e-9
        place = np.searchsorted(self._grown, wanted)
        return float(self._values[min(int(place), len(self._values) - 1)])

    def reached(self, need: float) -> float:
        """The value at which the number of independent groups, of each kind of groups, is reached;
        -inf if it never is."""
        return min(self._reached(groups, need) for groups in self._groups)

    def _reached(self, groups: NDArray[np.integer], need: float) -> float:
        start, whole = self._start, len(self._values) - self._start
        some = whole
        while some > _AT_FIRST:
            # The first ones may do, and are soon looked through.
            some //= 8
        while True:
            part = slice(start, start + some)
            place = _reached(self._weights[part], groups[part], need)
            if place is not None:
                return float(self._values[start + place])
            if some == whole:
                return -np.inf
            some = min(8 * some + 8, whole)


def _edges(same: WeightedValues, other: WeightedValues, fewest: int) -> Floats:
    """The lower edges of all bins but the lowest, ascending; empty if there is a single bin.

    A bin holds as much weight of one kind as all bins above it, up to `LARGEST_BIN`, and at least
    `fewest` independent groups of both kinds. Values are descending.
    """
    kinds = (
        _Descent(same, same.groups),
        _Descent(other, other.groups, other.origins),
    )
    found = [np.inf]
    while True:
        reached = min(kind.reached(fewest) for kind in kinds)
        if not np.isfinite(reached):
            # What is left is too little to be a bin: it is part of the one above.
            return np.array(found[-2:0:-1])
        heavy = max(kind.heavy(min(kind.above, LARGEST_BIN)) for kind in kinds)
        found.append(min(reached, heavy))
        for kind in kinds:
            kind.go_below(found[-1])


def _reached(weights: Floats, groups: NDArray[np.integer], need: float) -> int | None:
    """The place at which the number of independent groups is reached; None if it never is."""
    if not len(weights):
        return None
    by_group = np.argsort(groups, kind="stable")
    sums = np.cumsum(weights[by_group])
    firsts = np.flatnonzero(np.diff(groups[by_group], prepend=-1))
    before = sums[firsts] - weights[by_group][firsts]
    of_group = np.empty(len(weights))
    of_group[by_group] = sums - np.repeat(before, np.diff(firsts, append=len(weights)))
    squares = np.cumsum(of_group**2 - (of_group - weights) ** 2)
    far = np.cumsum(weights) ** 2 / np.maximum(squares, 1e-300) >= need - 1e-9
    return int(far.argmax()) if far.any() else None


def _shares(
    same: WeightedValues, other: WeightedValues, edges: Floats
) -> tuple[Floats, Floats, Floats]:
    """The shares `(2, b)` of both kinds in each bin, the jackknife variance `(b,)` of the logarithm
    of their ratio, and the number of independent groups `(b,)` of `same`.

    Leaving a group out removes its values of both kinds.
    """
    groups = 1 + int(max(same.groups.max(), other.groups.max(), other.origins.max()))
    bins = len(edges) + 1
    tables = []
    for kind, of in (
        (same, same.groups),
        (other, other.groups),
        (other, other.origins),
    ):
        places = np.searchsorted(edges, kind.values, side="right")
        cells = of * bins + places
        known = of >= 0
        counted = np.bincount(cells[known], kind.weights[known], minlength=groups * bins)
        tables.append(counted.reshape(groups, bins))
    first, second, origin = tables
    shares = np.stack([table.sum(axis=0) / table.sum() for table in (first, second)])
    without = [
        left / np.maximum(left.sum(axis=1, keepdims=True), 1e-300)
        for left in (first.sum(axis=0) - first, second.sum(axis=0) - second - origin)
    ]
    moved = np.log(np.maximum(without[0], 1e-300)) - np.log(np.maximum(without[1], 1e-300))
    whole = np.log(np.maximum(shares[0], 1e-300)) - np.log(np.maximum(shares[1], 1e-300))
    spread = ((moved - whole) ** 2).sum(axis=0)
    return (
        shares,
        spread,
        np.array([independent(np.asarray(first[:, place], np.float64)) for place in range(bins)]),
    )


def weighted_quantiles(values: NDArray[np.floating], weights: Floats, shares: Floats) -> Floats:
    """The quantiles `(s,)` of weighted values at some shares, 0..1, of the total weight."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    places = np.searchsorted(below, shares * below[-1])
    return np.asarray(values[order[np.minimum(places, len(order) - 1)]])
