"""Paired comparison of two rankings of the same cases: the difference in top-k accuracy, with a
permutation test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.adjustment import holm
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate

Over = Literal["cases", "disorders"]

FLIPS = 9_999
"""Random assignments of signs in a test."""

_AT_ONCE = 4_000_000
_TIE = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """The share of cases with a hit in one ranking, or its mean over disorders, minus that in the
    other, -1..1; the number of patients and cases; and the p-value of the hypothesis that both are
    equal."""

    difference: Estimate
    p: float
    patients: int
    cases: int


def compare_hits(
    hits: NDArray[np.bool_],
    other: NDArray[np.bool_],
    patients: Numbers,
    bootstrap: Bootstrap,
    *,
    families: Numbers | None = None,
    weights: NDArray[np.float64] | None = None,
    flips: int = FLIPS,
) -> Difference:
    """Compare the hits `(c,)` of two rankings of the same cases, of patients `(c,)`.

    `families` `(c,)`: what is resampled and flipped together; by default patients. `weights`
    `(c,)`: of cases in the share; by default equal.

    The p-value is that of the sign-flip test (a permutation test for paired data, Good 2005): under
    the null hypothesis, the sign of each family's difference is random. Two-sided, `(b + 1) / (m +
    1)`, where b of m random flips give at least the observed difference (Phipson and Smyth 2010).
    The interval is conditional on the gallery: patients are resampled, and their ranks are kept.
    """
    owners, place = np.unique(patients if families is None else families, return_inverse=True)
    weight = np.ones(len(hits)) if weights is None else weights * len(hits)
    change = np.bincount(place, weight * (hits.astype(np.float64) - other.astype(np.float64)))
    counts = np.bincount(place, weight)
    replicates = np.concatenate(
        [(drawn @ change) / (drawn @ counts) for drawn in bootstrap.weights(len(owners))]
    )
    return Difference(
        estimate(float(change.sum() / counts.sum()), replicates),
        _flip_test(change[change != 0], bootstrap.seed, flips),
        len(np.unique(patients)),
        len(patients),
    )


def _flip_test(change: NDArray[np.float64], seed: int, flips: int) -> float:
    """The test for differences `(n,)` that are not 0."""
    if not len(change):
        return 1.0
    rng = np.random.default_rng([seed, 1])
    # Flips that give the same but for rounding reach it.
    observed, reached = abs(change.sum()) - _TIE * np.abs(change).sum(), 0
    most = max(1, _AT_ONCE // len(change))
    for start in range(0, flips, most):
        shape = (min(most, flips - start), len(change))
        signs = rng.integers(0, 2, shape, dtype=np.int8).astype(np.float32) * 2 - 1
        reached += int((np.abs(signs.astype(np.float64) @ change) >= observed).sum())
    return (reached + 1) / (flips + 1)


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """One row of a list of comparisons: an aggregation in a space against another aggregation or
    space, at `k`. `over`: whether over cases or as the mean over disorders. `p_held`: p adjusted
    over the whole list (Holm)."""

    space: str
    aggregation: str
    other_space: str
    other_aggregation: str
    k: int
    over: Over
    found: Difference
    p_held: float = 1.0


def adjust_comparisons(comparisons: Sequence[PairedComparison]) -> tuple[PairedComparison, ...]:
    """Comparisons with p-values adjusted over all of them."""
    adjusted = holm([one.found.p for one in comparisons])
    return tuple(replace(one, p_held=p) for one, p in zip(comparisons, adjusted, strict=True))
