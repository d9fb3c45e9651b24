"""Intervals by leaving out one unit at a time (Efron and Stein 1981)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.estimates import LEVEL

Floats = NDArray[np.float64]


def jackknife_variance(left_out: Floats, samples: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The variance `(c,)` of figures that were computed without each unit, `(u, c)`, and its
    degrees of freedom `(c,)` (Satterthwaite 1946). `samples` `(u,)`: the sample that each unit was
    drawn in, such as a group's patients with one disorder; two units or more in each."""
    parts, least = [], []
    for sample in np.unique(samples):
        rows = left_out[samples == sample]
        parts.append((len(rows) - 1) * rows.var(axis=0))
        least.append(parts[-1] ** 2 / (len(rows) - 1))
    variance, squares = np.sum(parts, axis=0), np.sum(least, axis=0)
    freedom = np.divide(variance**2, squares, out=np.ones_like(variance), where=squares > 0)
    return variance, freedom


def reach(variance: Floats, freedom: Floats) -> Floats:
    """How far an interval goes to each side, by Student's distribution."""
    from scipy.stats import t

    return np.asarray(np.sqrt(variance) * t.ppf((1 + LEVEL) / 2, freedom), dtype=np.float64)
