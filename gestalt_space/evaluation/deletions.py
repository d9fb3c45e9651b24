"""The ranks of cases without a unit of the evidence, from which the effect of other patients is
estimated. Ranks are recomputed from the similarities, not from the ranks.

Only aggregations in which the score of a group is that of its nearest patient are supported:
without a unit, its score is that of the nearest other patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.units import Units
from gestalt_space.ranking.aggregation import Aggregation
from gestalt_space.ranking.grouping import Grouping, Numbers, Runs, Values, ranges

FOLLOWED: frozenset[Aggregation] = frozenset({"nearest", "patient-mean"})
"""Aggregations in which the score of a group is that of its nearest patient."""


@dataclass(frozen=True)
class Deletions:
    """Each `(x,)`: a case, a unit other than its own, and the rank of the case without that unit,
    if it changes; 0 if the case can then not be tested."""

    cases: Numbers
    units: Numbers
    ranks: Numbers

    @classmethod
    def joined(cls, parts: Sequence[Deletions]) -> Deletions:
        """All of some parts."""
        return cls(
            np.concatenate([part.cases for part in parts]),
            np.concatenate([part.units for part in parts]),
            np.concatenate([part.ranks for part in parts]),
        )

    def of(self, which: NDArray[np.bool_]) -> Deletions:
        """The deletions of the selected cases `(c,)`, which are renumbered."""
        kept = which[self.cases]
        numbers = np.cumsum(which) - 1
        return Deletions(numbers[self.cases[kept]], self.units[kept], self.ranks[kept])


class UnitCells:
    """The evidence by unit and group: a cell is the contribution of a unit to a group."""

    def __init__(self, evidence: Grouping, units: Units) -> None:
        of_member = units.of_patient[evidence.patients[evidence.members]]
        order = np.lexsort((of_member, evidence.group_of_member))
        owner, group = of_member[order], evidence.group_of_member[order]
        is_new = np.diff(owner, prepend=-1) != 0
        is_new |= np.diff(group, prepend=-1) != 0
        starts = np.flatnonzero(is_new)
        self.evidence = evidence
        self.units = owner[starts]
        self.groups = group[starts]
        self._runs = Runs(evidence.members[order], starts)
        self._starts = np.searchsorted(self.groups, np.arange(len(evidence.groups)))
        self._by_unit = np.argsort(self.units, kind="stable")

    def follow(
        self,
        patients: Values,
        scores: Values,
        truth: Numbers,
        own_units: Numbers,
        probes: Numbers,
    ) -> Deletions:
        """The effects of deleting units on some cases of a block of probes.

        `patients` `(p, b)`: the similarity of each patient, `-inf` for those who are not evidence.
        `scores` `(c, g)`: of each case's groups, `-inf` for those that do not count. `truth`
        `(c,)`: places of the true groups. `own_units` and `probes` `(c,)`: each case's unit, and
        its column of `patients`. Cases are numbered in this order.
        """
        if not len(truth):
            nothing = np.zeros(0, dtype=np.int64)
            return Deletions(nothing, nothing, nothing)
        cells = np.ascontiguousarray(self._runs.reduce(patients, np.maximum).T)
        without = self._without(cells)[probes]
        rows = np.arange(len(truth))
        own = scores[rows, truth][:, None]
        first = np.arange(scores.shape[1])[None] < truth[:, None]
        ahead = (scores > own) | ((scores == own) & first)
        ranks = ahead.sum(axis=1) + 1

        stays = (without > own) | ((without == own) & first[:, self.groups])
        helps = (self.groups[None] == truth[:, None]) & (without < own)
        foreign = self.units[None] != own_units[:, None]
        cases, places = np.nonzero(helps & foreign)
        lost = self._without_help(cases, places, without, scores, truth)

        cases, places = np.nonzero(ahead[:, self.groups] & ~stays & foreign)
        codes = cases * (len(self.units) + 1) + self.units[places]
        kept = ~np.isin(codes, lost.cases * (len(self.units) + 1) + lost.units)
        cases, units = cases[kept], self.units[places[kept]]
        # A unit may be in several groups that stand ahead.
        pairs, counts = np.unique(np.stack([cases, units]), axis=1, return_counts=True)
        gained = Deletions(pairs[0], pairs[1], ranks[pairs[0]] - counts)

        return Deletions.joined([gained, lost])

    def _without_help(
        self, cases: Numbers, places: Numbers, without: Values, scores: Values, truth: Numbers
    ) -> Deletions:
        """The ranks of cases without the units of the cells, both `(x,)`, that determine the scores
        of their groups. A unit may be in other groups, too."""
        own, rows = without[cases, places][:, None], np.arange(len(cases))
        left, true = scores[cases], truth[cases]
        ordered = self.units[self._by_unit]
        first = np.searchsorted(ordered, self.units[places], side="left")
        lengths = np.searchsorted(ordered, self.units[places], side="right") - first
        repeated, cells = np.repeat(rows, lengths), self._by_unit[ranges(first, lengths)]
        of = self.groups[cells]
        left[repeated, of] = np.minimum(left[repeated, of], without[cases[repeated], cells])
        left[rows, true] = -np.inf
        before = np.arange(scores.shape[1])[None] < true[:, None]
        ranks = ((left > own) | ((left == own) & before)).sum(axis=1) + 1
        return Deletions(
            cases, self.units[places], np.where(np.isfinite(own[:, 0]), ranks, 0).astype(np.int64)
        )

    def _without(self, cells: Values) -> Values:
        """The score `(b, x)` of each cell's group without it, from the cells' `(b, x)`."""
        best = np.maximum.reduceat(cells, self._starts, axis=1)
        is_best = cells == best[:, self.groups]
        alone = np.add.reduceat(is_best, self._starts, axis=1, dtype=np.int64) == 1
        second = np.maximum.reduceat(
            np.where(is_best, -np.inf, cells).astype(cells.dtype), self._starts, axis=1
        )
        changed = is_best & alone[:, self.groups]
        return np.where(changed, second[:, self.groups], best[:, self.groups])


def patient_nearness(
    similarities: Values, evidence: Grouping, how: Aggregation, own: Numbers
) -> Values:
    """The similarity of each patient of the evidence to each probe `(p, b)`, for one of `FOLLOWED`,
    from similarities `(b, n)`; `-inf` for the probe's own family, given by number `(b,)`."""
    photos = np.ascontiguousarray(similarities.T)
    if how == "nearest":
        found = evidence.photo_runs.reduce(photos, np.maximum)
    else:
        found = evidence.photo_runs.reduce(photos, np.add)
        found /= evidence.photo_counts[:, None].astype(found.dtype)
    probes, left_out = evidence.left_out(own)
    found[left_out, probes] = -np.inf
    return found
