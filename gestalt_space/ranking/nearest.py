"""The published ranking: each group (a disorder) stands where its nearest photo stands.

Rows are photos; groups are disorders, and later genes or patients. Nothing here knows a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    row_order: Sequence[int] | NDArray[np.int64] | None = None,
) -> list[RankedGroup]:
    """The `k` groups whose nearest eligible row is the most similar, best first.

    `similarities` `(n,)`; `eligible` `(n,)` says which rows may be evidence, all where left out. A
    group without an eligible row is not ranked. Ties between groups break by the group's number,
    ties within one by `row_order` `(n,)`, else by the row's number.
    (Hsieh 2022: the first occurrence of each syndrome among the sorted gallery images.)
    """
    if not len(members.starts) or k <= 0:
        return []
    counted = similarities if eligible is None else np.where(eligible, similarities, -np.inf)
    best = np.maximum.reduceat(counted[members.rows], members.starts)
    order = np.lexsort((np.arange(len(best)), -best))[:k]
    ranked = []
    for group in order[np.isfinite(best[order])]:
        rows = members.of(int(group))
        nearest = rows[counted[rows] == best[group]]
        row = nearest[0] if row_order is None else min(nearest, key=lambda r: row_order[r])
        similarity = float(np.clip(best[group], -1.0, 1.0))
        ranked.append(RankedGroup(int(group), similarity, int(row)))
    return ranked
