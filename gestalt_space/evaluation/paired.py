"""Two rankings of the same cases compared: which brings more true disorders among the first k, and
how easily chance would show as much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Numbers
from gestalt_space.stats.adjustment import holm
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate

FLIPS = 9_999
"""Random assignments of signs in a test."""

_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Difference:
    """The share of cases with a hit in one ranking, less that in the other, -1..1; over how many
    patients and cases; and the p-value of the two being alike."""

    difference: Estimate
    p: float
    patients: int
    cases: int


def compare(
    hits: NDArray[np.bool_],
    other: NDArray[np.bool_],
    patients: Numbers,
    bootstrap: Bootstrap,
    *,
    flips: int = FLIPS,
) -> Difference:
    """Compare hits `(c,)` with those of another ranking of the same cases, of patients `(c,)`.

    The p-value is of the sign-flip test (a permutation test of paired data, Good 2005): if the two
    were alike, each patient's difference might as well have the other sign. Two-sided,
    `(b + 1) / (m + 1)` with m random flips of which b give as much (Phipson and Smyth 2010).
    """
    owners, place = np.unique(patients, return_inverse=True)
    change = np.bincount(place, hits.astype(np.float64) - other.astype(np.float64))
    counts = np.bincount(place).astype(np.float64)
    replicates = np.concatenate(
        [(weights @ change) / (weights @ counts) for weights in bootstrap.weights(len(owners))]
    )
    return Difference(
        estimate(float(change.sum() / counts.sum()), replicates),
        _flip_test(change[change != 0], bootstrap.seed, flips),
        len(owners),
        len(patients),
    )


def _flip_test(change: NDArray[np.float64], seed: int, flips: int) -> float:
    """Of whole numbers `(n,)`, those that are not 0."""
    if not len(change):
        return 1.0
    rng = np.random.default_rng([seed, 1])
    observed, reached = abs(change.sum()), 0
    most = max(1, _AT_ONCE // len(change))
    for start in range(0, flips, most):
        shape = (min(most, flips - start), len(change))
        signs = rng.integers(0, 2, shape, dtype=np.int8).astype(np.float32) * 2 - 1
        reached += int((np.abs(signs @ change.astype(np.float32)) >= observed).sum())
    return (reached + 1) / (flips + 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of a list of comparisons: an aggregation in a space against another aggregation or
    space, at `k`. `p_held`: the p-value after Holm, over the whole list."""

    space: str
    aggregation: str
    other_space: str
    other_aggregation: str
    k: int
    found: Difference
    p_held: float = 1.0


def held(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """Comparisons with the p-values that hold for them all."""
    adjusted = holm([one.found.p for one in comparisons])
    return tuple(replace(one, p_held=p) for one, p in zip(comparisons, adjusted, strict=True))
