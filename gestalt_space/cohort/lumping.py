"""Which disorders are hard to tell apart by the face: pairs whose patients are as alike between the
two as within each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.stats.permutation import Stratum, draw_groups, p_value, relabelled_means

FEWEST = 3
"""Patients of each disorder of a pair, at least."""
PERMUTATIONS = 199
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two disorders. `within`: mean similarity of two patients of one of them, the mean of both;
    `between`: of one patient of each. `told_apart`: share 0..1 of the patients who are nearer to
    the mean of the others of their own disorder than to that of the other, both disorders weighing
    alike; 0.5 is chance. `p`: of labels dealt at random giving as large a difference of `within`
    and `between`, (b + 1)/(m + 1). `hard`: p is above 0.05, so that nothing shows two disorders."""

    first: str
    second: str
    within: float
    between: float
    told_apart: float
    p: float

    @property
    def hard(self) -> bool:
        """Whether labels dealt at random would do as well."""
        return self.p > ALPHA

    @property
    def gap(self) -> float:
        """How much more alike patients of one disorder are than of the two; about 0 is none."""
        return self.within - self.between


def hard_to_tell_apart(
    rows: NDArray[np.float64], disorders: NDArray[np.str_], *, seed: int = 0
) -> tuple[Pair, ...]:
    """All pairs of disorders of three patients or more, the hardest to tell apart first.

    Ranked by `told_apart`, then by `gap`. `rows` `(p, d)` of unit length; `disorders` `(p,)`, empty
    for patients who are left out.
    """
    names, counts = np.unique(disorders[disorders != ""], return_counts=True)
    rng = np.random.default_rng(seed)
    pairs = []
    for first, second in combinations(map(str, names[counts >= FEWEST]), 2):
        places = np.flatnonzero((disorders == first) | (disorders == second))
        pairs.append(_pair(first, second, rows[places], disorders[places] == first, rng))
    return tuple(sorted(pairs, key=lambda pair: (pair.told_apart, pair.gap, pair.first)))


def _pair(
    first: str,
    second: str,
    rows: NDArray[np.float64],
    of_first: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Pair:
    similar = rows @ rows.T
    labels = of_first[None].astype(np.float32)
    observed = relabelled_means(similar, iter([labels]))
    deals = draw_groups(
        rng, [Stratum(np.arange(len(rows)), int(of_first.sum()))], len(rows), PERMUTATIONS
    )
    return Pair(
        first,
        second,
        float(observed.first[0] + observed.second[0]) / 2,
        float(observed.between[0]),
        _told_apart(rows, of_first),
        p_value(float(observed.difference[0]), relabelled_means(similar, deals).difference),
    )


def _told_apart(rows: NDArray[np.float64], of_first: NDArray[np.bool_]) -> float:
    sums = np.stack([rows[of_first].sum(0), rows[~of_first].sum(0)])
    own = np.where(of_first, 0, 1)
    to_own = np.einsum("pd,pd->p", rows, _unit(sums[own] - rows))
    to_other = np.einsum("pd,pd->p", rows, _unit(sums[1 - own]))
    nearer = (to_own > to_other) + 0.5 * (to_own == to_other)
    return float((nearer[of_first].mean() + nearer[~of_first].mean()) / 2)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
