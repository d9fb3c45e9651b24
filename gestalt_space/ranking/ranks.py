"""Groups in the order of their scores: the lines of one match, and the ranks of many probes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.aggregation import (
    VOTERS,
    Aggregation,
    Centroids,
    score_groups,
)
from gestalt_space.ranking.grouping import Grouping, Numbers, Values

Exact = Callable[[Numbers], NDArray[np.float64]]

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class RankedGroup:
    """One line of a ranking.

    `group`: its place in the grouping's `groups`. `score`: what it is ranked by; of cosines, it may
    lie above 1 by an error of rounding. `row`: its nearest photo, and `similarity` that photo's,
    -1..1.
    """

    group: int
    score: float
    row: int
    similarity: float


def rank_groups(
    similarities: NDArray[np.float32],
    grouping: Grouping,
    k: int,
    aggregation: Aggregation = "nearest",
    *,
    own: int = -1,
    centroids: Centroids | None = None,
    exact: Exact | None = None,
    tolerance: float = 0.0,
) -> list[RankedGroup]:
    """The `k` groups that score highest for one probe, best first.

    `similarities` `(n,)`; `own`: the number of the probe's own family, whose patients are no
    evidence. A group without another patient is not ranked. Ties between groups break by the
    group's number, ties between the photos of one by the patient's number, then the row's. Where
    `similarities` may err by `tolerance`, `exact` gives the true ones of rows `(m,)`, and is asked
    for those alone that can decide the ranking.
    """
    if not len(grouping.groups) or k <= 0:
        return []
    left_out = np.array([own])

    def scores(values: Values) -> NDArray[np.float64]:
        found = score_groups(
            values[None], grouping, [aggregation], own=left_out, centroids=centroids
        )
        return np.asarray(found[aggregation][0], dtype=np.float64)

    contenders = _contenders(scores(similarities), k, 4 * tolerance)
    true = similarities.astype(np.float64)
    if exact is not None and len(contenders):
        deciding = _Deciding(true, grouping, own, 2 * tolerance)
        if aggregation == "vote":
            contenders = np.union1d(contenders, deciding.voting_groups())
        for rows in _blocks(deciding.rows(contenders, aggregation)):
            true[rows] = exact(rows)
    score = scores(true)
    order = contenders[np.lexsort((contenders, -score[contenders]))][:k]
    return [_line(int(group), float(score[group]), true, grouping, own) for group in order]


def ranks_of(scores: Values, truth: Numbers) -> Numbers:
    """Where the true group of each probe stands among its scores `(q, g)`: `(q,)`, from 1.

    `truth` `(q,)`: a place in the grouping's `groups`, -1 for none. 0 where there is none, or where
    it has nobody but the probe's own family. Ties break by the group's number.
    """
    known = truth >= 0
    places = np.where(known, truth, 0)
    own = np.take_along_axis(scores, places[:, None], axis=1)
    before = np.arange(scores.shape[1])[None, :] < places[:, None]
    ahead = (scores > own).sum(axis=1) + ((scores == own) & before).sum(axis=1)
    return np.where(known & np.isfinite(own[:, 0]), ahead + 1, 0).astype(np.int64)


def _contenders(scores: NDArray[np.float64], k: int, tolerance: float) -> Numbers:
    """Groups that may be among the first `k`."""
    ranked = np.sort(scores[np.isfinite(scores)])[::-1]
    if not len(ranked):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(scores >= ranked[min(k, len(ranked)) - 1] - tolerance)


class _Deciding:
    """Which rows' true similarities decide a ranking, where the given ones may err by half of a
    margin."""

    def __init__(
        self, similarities: NDArray[np.float64], grouping: Grouping, own: int, margin: float
    ) -> None:
        self.grouping = grouping
        self.ordered = similarities[grouping.rows]
        self.margin = margin
        self.best = np.maximum.reduceat(self.ordered, grouping.row_starts)
        self.best[grouping.families == own] = -np.inf
        self.last_voter = np.sort(self.best)[-min(VOTERS, len(self.best))] - margin

    def voting_groups(self) -> Numbers:
        """Groups that may have a voter."""
        best = self.best[self.grouping.members]
        members = np.isfinite(best) & (best >= self.last_voter)
        return np.unique(self.grouping.group_of_member[members])

    def rows(self, contenders: Numbers, aggregation: Aggregation) -> Numbers:
        """Rows that decide the order of the contenders, and the photos that are shown for them."""
        of_patients = aggregation in ("patient-mean", "centroid", "blend")
        threshold = np.full(len(self.best), np.inf)
        for group in contenders:
            members = self.grouping.members_of(int(group))
            nearest = -np.inf if of_patients else self.best[members].max() - self.margin
            threshold[members] = np.minimum(threshold[members], nearest)
        if aggregation == "vote":
            threshold = np.minimum(threshold, self.last_voter)
        return self.grouping.rows[self.ordered >= threshold[self.grouping.patient_of_row]]


def _blocks(rows: Numbers) -> list[Numbers]:
    return [rows[start : start + _ROWS_AT_ONCE] for start in range(0, len(rows), _ROWS_AT_ONCE)]


def _line(
    group: int, score: float, similarities: NDArray[np.float64], grouping: Grouping, own: int
) -> RankedGroup:
    members = grouping.members_of(group)
    rows = grouping.rows_of_patients(members[grouping.families[members] != own])
    row = rows[np.argmax(similarities[rows])]
    similarity = min(1.0, max(-1.0, float(similarities[row])))
    return RankedGroup(group, score, int(row), similarity)
