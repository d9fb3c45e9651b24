"""The published ranking: each group (a disorder) stands where its nearest photo stands.

Rows are photos; groups are disorders, and later genes or patients. Nothing here knows a database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Membership:
    """Which rows belong to which group, as one array cut into runs.

    `rows` `(m,)`: row numbers, the groups one after the other; `starts` `(g,)`: where each group's
    run begins. Groups stand in the order of their identifiers, by which ties break. A row may be
    in several groups, or in none.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    def of(self, group: int) -> NDArray[np.int64]:
        """The rows of one group."""
        stop = self.starts[group + 1] if group + 1 < len(self.starts) else len(self.rows)
        return self.rows[self.starts[group] : stop]


@dataclass(frozen=True, slots=True)
class RankedGroup:
    """One line of a ranking. `row` is the photo that it rests on."""

    group: int
    similarity: float
    row: int


def membership(rows: NDArray[np.int64], groups: NDArray[np.int64], count: int) -> Membership:
    """The membership of pairs (row, group), both `(m,)`, for groups 0..count-1.

    Every group needs a row: `ValueError` otherwise.
    """
    order = np.lexsort((rows, groups))
    starts = np.searchsorted(groups[order], np.arange(count))
    if len(np.unique(groups)) != count:
        raise ValueError("a group without a row cannot be ranked")
    return Membership(rows[order].astype(np.int64), starts.astype(np.int64))


def rank_nearest(
    similarities: NDArray[np.float32],
    members: Membership,
    k: int,
    *,
    eligible: NDArray[np.bool_] | None = None,
    row_order: NDArray[np.int64] | None = None,
    exact: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = None,
    tolerance: float = 0.0,
) -> list[RankedGroup]:
    """The `k` groups whose nearest eligible row is the most similar, best first.

    `similarities` `(n,)`; `eligible` `(n,)` says which rows may be evidence, all where left out. A
    group without an eligible row is not ranked. Ties between groups break by the group's number,
    ties within one by `row_order` `(n,)`, else by the row's number. Where `similarities` may err by
    `tolerance`, `exact` gives the true ones of rows `(m,)`, and is asked for those alone that can
    decide the ranking.
    (Hsieh 2022: the first occurrence of each syndrome among the sorted gallery images.)
    """
    if not len(members.starts) or k <= 0:
        return []
    counted = similarities if eligible is None else np.where(eligible, similarities, -np.inf)
    best = np.maximum.reduceat(counted[members.rows], members.starts)
    groups = _contenders(best, k, tolerance)
    nearest = [
        _nearest_row(group, counted, members, row_order, exact, tolerance) for group in groups
    ]
    nearest.sort(key=lambda ranked: (-ranked.similarity, ranked.group))
    return [
        replace(ranked, similarity=min(1.0, max(-1.0, ranked.similarity))) for ranked in nearest[:k]
    ]


def _contenders(best: NDArray[np.float32], k: int, tolerance: float) -> NDArray[np.int64]:
    """Groups that may be among the first `k`."""
    ranked = np.sort(best[np.isfinite(best)])[::-1]
    if not len(ranked):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(best >= ranked[min(k, len(ranked)) - 1] - tolerance)


def _nearest_row(
    group: int,
    counted: NDArray[np.float32],
    members: Membership,
    row_order: NDArray[np.int64] | None,
    exact: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None,
    tolerance: float,
) -> RankedGroup:
    rows = members.of(group)
    rows = rows[counted[rows] >= counted[rows].max() - tolerance]
    values = counted[rows].astype(np.float64) if exact is None else exact(rows)
    order = rows if row_order is None else row_order[rows]
    place = np.lexsort((rows, order, -values))[0]
    return RankedGroup(int(group), float(values[place]), int(rows[place]))
