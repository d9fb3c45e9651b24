"""Disorders, genes or patients by the means of their patients: what a probe's products with these
say of each group, and how long the groups' centroids are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.means import Floats, PatientMeans, run_sums
from gestalt_space.gallery.people import People
from gestalt_space.lazy_value import LazyValue
from gestalt_space.ranking.aggregation import with_direction
from gestalt_space.ranking.grouping import Numbers, ranges
from gestalt_space.store.people import By


@dataclass(frozen=True)
class GroupMeans:
    """Groups, and which patients may be evidence for them. Immutable, and safe for threads.

    `groups` `(g,)`: keys, ascending. `members`: places in the means' `keys`, group after group by
    `starts` `(g,)`. `there` `(p,)`: who may be evidence; `counts` `(g,)`: how many of each group.
    """

    means: PatientMeans
    dim: int
    groups: Numbers
    starts: Numbers
    members: Numbers
    there: NDArray[np.bool_]
    counts: Numbers
    _lengths: LazyValue[Floats]

    @property
    def lengths(self) -> Floats:
        """`(g,)`: of each group's centroid, the mean of its patients' means, 0..1; 0 where nobody
        is evidence."""
        return self._lengths()

    @property
    def sizes(self) -> Numbers:
        """`(g,)`: how many members each group has, evidence or not."""
        return np.diff(self.starts, append=len(self.members)).astype(np.int64)

    def without(self, patients: Numbers) -> GroupMeans:
        """Without some patients, by their keys; few groups are measured again."""
        if not len(patients):
            return self
        gone = np.flatnonzero(np.isin(self.means.keys, patients) & self.there)
        if not len(gone):
            return self
        there = self.there.copy()
        there[gone] = False
        of_group = np.repeat(np.arange(len(self.groups)), self.sizes)
        changed = np.unique(of_group[np.isin(self.members, gone)])

        def lengths() -> Floats:
            found = self.lengths.copy()
            found[changed] = _measured(made, changed)
            return found

        made = GroupMeans(
            self.means,
            self.dim,
            self.groups,
            self.starts,
            self.members,
            there,
            np.bincount(of_group[there[self.members]], minlength=len(self.groups)),
            LazyValue(lengths),
        )
        return made

    def members_of(self, groups: Numbers) -> tuple[Numbers, Numbers]:
        """The patients who may be evidence for groups at places `(q,)`: both `(x,)`, which of the
        `q`, and places in the means' `keys`."""
        lengths = self.sizes[groups]
        members = self.members[ranges(self.starts[groups], lengths)]
        which = np.repeat(np.arange(len(groups)), lengths)
        kept = self.there[members]
        return which[kept], members[kept]

    def highest(self, values: NDArray[np.floating]) -> Floats:
        """The highest of patients' values `(p,)` in each group: `(g,)`, -inf without a patient."""
        if not len(self.groups):
            return np.zeros(0)
        of_member = np.where(self.there, values, -np.inf)[self.members]
        return np.asarray(np.maximum.reduceat(of_member, self.starts), dtype=np.float64)

    def cosines(self, products: NDArray[np.floating]) -> Floats:
        """Cosines `(g,)` of a probe with the centroids, by its products `(p,)` with patients'
        means; -inf without a patient."""
        if not len(self.groups):
            return np.zeros(0)
        of_member = np.where(self.there, products, 0).astype(np.float64)[self.members]
        sums = np.add.reduceat(of_member, self.starts)
        lengths = with_direction(self.lengths) * np.maximum(self.counts, 1)
        return np.where(self.counts > 0, sums / lengths, -np.inf)


def group_means(means: PatientMeans, dim: int, people: People, by: By) -> GroupMeans:
    """The groups of everybody who has a mean."""
    patients, groups = people.pairs(by)
    places = np.searchsorted(means.keys, patients)
    known = np.zeros(len(patients), dtype=bool)
    inside = places < len(means.keys)
    known[inside] = means.keys[places[inside]] == patients[inside]
    order = np.lexsort((places[known], groups[known]))
    keys, starts = np.unique(groups[known][order], return_index=True)
    members = places[known][order]
    made = GroupMeans(
        means,
        dim,
        keys,
        starts.astype(np.int64),
        members,
        np.ones(len(means.keys), dtype=bool),
        np.diff(starts, append=len(members)).astype(np.int64),
        LazyValue(lambda: _measured(made, np.arange(len(keys)))),
    )
    return made


def _measured(of: GroupMeans, groups: Numbers) -> Floats:
    """The lengths of the centroids of groups at places `(q,)`."""
    which, members = of.members_of(groups)
    found = np.zeros(len(groups))
    for some, sums in run_sums(which, lambda block: of.means.of(members[block]), of.dim):
        found[some] = np.sqrt(np.einsum("gd,gd->g", sums, sums))
    return found / np.maximum(of.counts[groups], 1)
