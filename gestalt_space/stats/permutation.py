"""Many random groups, samples or relabellings of the patients of one similarity matrix.

A draw is a row of weights over patients, 1 for those who are included. The sums over pairs of all
draws are then a single matrix product, many times faster than a loop that selects pairs from the
matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.progress import Progress, no_progress

Numbers = NDArray[np.int64]

PERMUTATIONS = 10_000
MOST_PERMUTATIONS = 10_000_000
FEWEST_PERMUTATIONS = 99
"""With fewer, no p below 0.01 is possible."""
TIE = 1e-6
"""Statistics that differ by less count as equal, because of single precision."""

_AT_ONCE = 400_000
"""Weights in memory at a time, few enough for the processor's caches."""


@dataclass(frozen=True)
class Stratum:
    """Patients at places `(s,)`, of whom each draw includes `take`."""

    places: Numbers
    take: int


@dataclass(frozen=True)
class GroupSimilarities:
    """Mean similarities of two groups in each of `m` draws, each `(m,)`, over pairs of different
    patients: within the first, within the second, and between them. NaN where there is no pair."""

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    between: NDArray[np.float64]

    @property
    def difference(self) -> NDArray[np.float64]:
        """The mean of the two similarities within groups minus the one between: how much less alike
        patients of different groups are. For cosines of descriptors it is an unbiased estimate of
        half the squared distance of the groups' mean descriptors (Székely and Rizzo 2013 for `x²`).
        """
        return np.asarray((self.first + self.second) / 2 - self.between)


def draw_groups(
    rng: np.random.Generator,
    strata: Sequence[Stratum],
    patients: int,
    draws: int,
    *,
    progress: Progress = no_progress,
) -> Iterator[NDArray[np.float32]]:
    """Random groups: blocks `(b, patients)`, 1 for patients in the group and 0 for others, `draws`
    rows in all. Within each stratum, all choices of `take` patients are equally likely."""
    most = max(1, _AT_ONCE // max(patients, 1))
    for start in range(0, draws, most):
        count = min(most, draws - start)
        block = np.zeros((count, patients), dtype=np.float32)
        for stratum in strata:
            chosen = _choose(rng, len(stratum.places), stratum.take, count)
            if len(stratum.places) == patients:
                block[:] = chosen
            else:
                block[:, stratum.places] = chosen
        yield block
        progress(start + count, draws)


def centred(similarities: NDArray[np.floating]) -> tuple[NDArray[np.float32], float]:
    """Similarities `(p, p)` of patients minus their mean over pairs, with 0 on the diagonal, which
    is never used; and that mean. This keeps the precision of sums in float32."""
    found = np.array(similarities, dtype=np.float64)
    count = len(found)
    np.fill_diagonal(found, 0)
    mean = float(found.sum() / max(count * (count - 1), 1))
    found -= mean
    np.fill_diagonal(found, 0)
    return found.astype(np.float32), mean


def relabelled_means(
    similarities: NDArray[np.floating], blocks: Iterator[NDArray[np.float32]]
) -> GroupSimilarities:
    """The means if every patient is in one of two groups: those with 1 in the rows of `blocks` are
    in the first, all others in the second. `similarities` `(p, p)`, symmetric."""
    matrix, mean = centred(similarities)
    patients, reach = len(matrix), matrix.sum(axis=1, dtype=np.float64)
    total = float(reach.sum())
    found = []
    for block in blocks:
        within = row_products(block, matrix, block)
        touched = block @ reach.astype(np.float32)
        size = block.sum(axis=1, dtype=np.float64)
        rest = patients - size
        between = touched - within
        found.append(
            np.stack(
                [
                    _ratio(within, size * (size - 1)),
                    _ratio(total - within - 2 * between, rest * (rest - 1)),
                    _ratio(between, size * rest),
                ]
            )
        )
    return GroupSimilarities(*(np.concatenate(found, axis=1) + mean))


def row_products(
    left: NDArray[np.float32], matrix: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float64]:
    """`left[i] @ matrix @ right[i]` of every row: `(m,)` of `(m, p)`, `(p, p)` and `(m, p)`."""
    return np.asarray(np.einsum("ip,ip->i", left @ matrix, right), dtype=np.float64)


def p_value(observed: float, drawn: NDArray[np.floating]) -> float:
    """One-sided p-value of a permutation test: how often draws `(m,)` are at least as large as the
    observed value, (b + 1)/(m + 1), never 0 (Phipson and Smyth 2010)."""
    reached = int(np.count_nonzero(drawn >= observed - TIE))
    return (reached + 1) / (len(drawn) + 1)


def _choose(rng: np.random.Generator, size: int, take: int, draws: int) -> NDArray[np.bool_]:
    """Which `take` of `size` patients each draw includes: those with the smallest random keys.
    Draws with tied keys at the border are repeated."""
    if take in (0, size):
        return np.full((draws, size), take > 0)
    keys = rng.random((draws, size), dtype=np.float32)
    border = keys.copy()
    border.partition(take - 1, axis=1)
    chosen: NDArray[np.bool_] = keys <= border[:, take - 1 : take]
    again = np.flatnonzero(np.count_nonzero(chosen, axis=1) != take)
    if len(again):
        chosen[again] = _choose(rng, size, take, len(again))
    return chosen


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.full(len(sums), np.nan)
    np.divide(sums, counts, out=found, where=counts > 0)
    return found
