"""Which patients are of no disorder but a probe's own: they are never a wrong disorder's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.calibration.rows import Hashes
from gestalt_space.ranking.grouping import Grouping, Numbers


class Profiles:
    """The sets of disorders that patients of a grouping have, numbered.

    `of_patient` `(p,)`: the number of each one's. Numbers below that of the grouping's groups are
    of patients with that group alone.
    """

    def __init__(self, grouping: Grouping) -> None:
        groups = len(grouping.groups)
        which, member = grouping.memberships_of(np.arange(len(grouping.patients)))
        of = grouping.group_of_member[member]
        counts = np.bincount(which, minlength=len(grouping.patients))
        starts = np.cumsum(counts) - counts
        self.of_patient: Numbers = of[starts] if len(of) else np.zeros(0, np.int64)
        self._sizes = grouping.patient_counts
        self._several: dict[frozenset[int], int] = {}
        for patient in np.flatnonzero(counts > 1):
            told = frozenset(of[starts[patient] : starts[patient] + counts[patient]].tolist())
            self.of_patient[patient] = self._several.setdefault(told, groups + len(self._several))
        self.count = groups + len(self._several)
        self._within = self._find_within()

    def within(self, patients: Numbers, profiles: Numbers) -> NDArray[np.bool_]:
        """`(q, n)`: whether profiles `(n,)` have no disorder that a patient at a place `(q,)` has
        not."""
        own = self.of_patient[patients]
        found = np.equal(own[:, None], profiles[None, :])
        several = np.flatnonzero(own >= len(self._sizes))
        if len(several):
            # For few are there others than their own: those with several disorders.
            table = np.zeros(self.count, dtype=bool)
            for place in several:
                inside = self._within[int(own[place])]
                table[inside] = True
                found[place] = table[profiles]
                table[inside] = False
        return found

    def sums_within(self, values: Hashes) -> Hashes:
        """`(p,)`: for each patient the sum of values `(count,)` of the profiles within theirs."""
        sums = values.copy()
        with np.errstate(over="ignore"):
            for own, inside in self._within.items():
                sums[own] = values[inside].sum()
        return sums[self.of_patient]

    def _find_within(self) -> dict[int, list[int]]:
        """For each profile of several disorders those that have no other: itself among them."""
        by_rarest: dict[int, list[frozenset[int]]] = {}
        for told in self._several:
            # A set within another has its rarest disorder in it: few have to be looked at.
            rarest = min(told, key=lambda group: (self._sizes[group], group))
            by_rarest.setdefault(rarest, []).append(told)
        return {
            number: [
                *told,
                *(
                    self._several[other]
                    for group in told
                    for other in by_rarest.get(group, ())
                    if other <= told
                ),
            ]
            for told, number in self._several.items()
        }
