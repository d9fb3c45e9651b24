"""Whose photo each row is, to which groups (disorders, genes, patients) the patients belong, and
who is of one family.

Patients and groups are numbers in the order of their identifiers, by which ties break. Nothing here
knows a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]
Values: TypeAlias = NDArray[np.floating]
"""float32 or float64; what is computed of an array has its kind."""

LONG_RUN = 64
"""Elements of a run that are reduced together with those of the other runs; what a longer one has
beyond is reduced by itself."""


class Runs:
    """Reductions over runs of rows, many short ones at a time.

    The first elements of all runs are taken as one array, then the second ones, and so on, which is
    several times faster than `ufunc.reduceat`.
    """

    def __init__(self, elements: Numbers, starts: Numbers) -> None:
        lengths = _lengths(starts, len(elements))
        self._order = np.argsort(-lengths, kind="stable")
        ordered, first = lengths[self._order], starts[self._order]
        self._layers = [
            elements[first[: np.searchsorted(-ordered, -step)] + step]
            for step in range(min(LONG_RUN, int(ordered[0]) if len(ordered) else 0))
        ]
        self._rests = [
            elements[start + LONG_RUN : start + length]
            for start, length in zip(first, ordered, strict=True)
            if length > LONG_RUN
        ]

    def reduce(self, values: Values, ufunc: np.ufunc) -> Values:
        """`ufunc` over the rows of `values` `(n, b)` that each run names: `(runs, b)`."""
        reduced = np.empty((len(self._order), values.shape[1]), dtype=values.dtype)
        if not len(reduced):
            return reduced
        ordered = np.take(values, self._layers[0], axis=0)
        for layer in self._layers[1:]:
            part = ordered[: len(layer)]
            ufunc(part, np.take(values, layer, axis=0), out=part)
        for place, rest in enumerate(self._rests):
            ufunc(ordered[place], ufunc.reduce(values[rest], axis=0), out=ordered[place])
        reduced[self._order] = ordered
        return reduced


@dataclass(frozen=True)
class Grouping:
    """Rows in runs of one patient each, and patients in runs of one group each.

    `rows` `(r,)`: row numbers, patient after patient; `row_starts` `(p,)`: where each patient's run
    begins; `patients` `(p,)`: their numbers, ascending. `members` `(m,)`: places in `patients`,
    group after group; `member_starts` `(g,)`; `groups` `(g,)`: their numbers, ascending. A patient
    may be in several groups. None is in no group, no group is without a patient, and no patient
    without a row. `family_numbers`: by patients' numbers, also of patients who are not here, a
    number from 0 that the patients of one family share; None where everybody is a family alone.

    Kin are the patients of one family in one group: what a probe of that family leaves out of it.
    """

    rows: Numbers
    row_starts: Numbers
    patients: Numbers
    members: Numbers
    member_starts: Numbers
    groups: Numbers
    family_numbers: Numbers | None = None

    @cached_property
    def photo_counts(self) -> Numbers:
        """`(p,)`: how many rows each patient has."""
        return _lengths(self.row_starts, len(self.rows))

    @cached_property
    def patient_counts(self) -> Numbers:
        """`(g,)`: how many patients each group has."""
        return _lengths(self.member_starts, len(self.members))

    @cached_property
    def photo_runs(self) -> Runs:
        """Over the rows of each patient."""
        return Runs(self.rows, self.row_starts)

    @cached_property
    def member_runs(self) -> Runs:
        """Over the patients of each group, as places in `patients`."""
        return Runs(self.members, self.member_starts)

    @cached_property
    def most_memberships(self) -> int:
        """Of how many groups a patient is a member at the most."""
        return int(np.bincount(self.members).max(initial=0))

    @cached_property
    def patient_of_row(self) -> Numbers:
        """`(r,)`: the place in `patients` of each of `rows`."""
        return np.repeat(np.arange(len(self.patients)), self.photo_counts)

    @cached_property
    def group_of_member(self) -> Numbers:
        """`(m,)`: the place in `groups` of each of `members`."""
        return np.repeat(np.arange(len(self.groups)), self.patient_counts)

    @cached_property
    def families(self) -> Numbers:
        """`(p,)`: the number of each patient's family."""
        return self.family_of(self.patients)

    @cached_property
    def family_counts(self) -> FamilyCounts:
        """Who is left out of each group together, family after family."""
        pairs = np.stack([self.families[self.members], self.group_of_member])
        found, place_of_member = np.unique(pairs, axis=1, return_inverse=True)
        counts = np.bincount(place_of_member.ravel(), minlength=found.shape[1])
        return FamilyCounts(found[0], found[1], counts, place_of_member.ravel())

    @cached_property
    def _member_order(self) -> Numbers:
        return np.argsort(self.members, kind="stable")

    @cached_property
    def _family_order(self) -> Numbers:
        return np.argsort(self.families, kind="stable")

    def members_of(self, group: int) -> Numbers:
        """The places in `patients` of the patients of the group at a place in `groups`."""
        return _run(self.members, self.member_starts, group)

    def rows_of_patients(self, patients: Numbers) -> Numbers:
        """The rows of patients at places in `patients`, one patient after the other."""
        return self.rows[ranges(self.row_starts[patients], self.photo_counts[patients])]

    def place_of(self, patients: Numbers) -> Numbers:
        """The places in `patients` of patients' numbers `(q,)`; -1 for one who is not there."""
        wanted = np.asarray(patients, dtype=np.int64)
        if not len(self.patients):
            return np.full(len(wanted), -1, dtype=np.int64)
        places = np.searchsorted(self.patients, wanted)
        places[places == len(self.patients)] = 0
        return np.where(self.patients[places] == wanted, places, -1)

    def memberships_of(self, patients: Numbers) -> tuple[Numbers, Numbers]:
        """Every membership of patients at places `(q,)`, -1 for nobody.

        Both `(x,)`: which of the `q` it is of, and its place in `members`.
        """
        order = self._member_order
        queries, places = _all_equal(self.members[order], patients)
        return queries, order[places]

    def family_of(self, patients: Numbers) -> Numbers:
        """The families' numbers of patients' numbers `(q,)`, whether they are here or not; -1 for
        nobody."""
        wanted = np.asarray(patients, dtype=np.int64)
        if self.family_numbers is None:
            return wanted
        known = wanted >= 0
        return np.where(known, self.family_numbers[np.where(known, wanted, 0)], -1)

    def left_out(self, families: Numbers) -> tuple[Numbers, Numbers]:
        """The patients of families by their numbers `(q,)`, -1 for nobody.

        Both `(x,)`: which of the `q` each is of, and the place in `patients`.
        """
        order = self._family_order
        queries, places = _all_equal(self.families[order], families)
        return queries, order[places]

    def family_counts_of(self, families: Numbers) -> tuple[Numbers, Numbers]:
        """What families by their numbers `(q,)`, -1 for nobody, leave out of groups.

        Both `(x,)`: which of the `q` it is of, and its place in `family_counts`.
        """
        return _all_equal(self.family_counts.families, families)

    def count_family(self, families: Numbers, groups: Numbers) -> Numbers:
        """How many patients of a family, by its number, are in the group at a place in `groups`:
        `(x,)` of pairs `(x,)`; none where either is -1."""
        if not len(self.groups):
            return np.zeros(len(groups), dtype=np.int64)
        keys = self.family_counts.families * len(self.groups) + self.family_counts.groups
        wanted = np.where((families >= 0) & (groups >= 0), families * len(self.groups) + groups, -1)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[places] == wanted, self.family_counts.counts[places], 0)

    def restricted(self, eligible: NDArray[np.bool_]) -> Grouping:
        """With the rows that are `eligible` `(n,)` alone, and who and what still has one."""
        kept = eligible[self.rows]
        patients = self.patients[self.patient_of_row[kept]]
        pairs = np.stack(
            [self.patients[self.members], self.groups[self.group_of_member]], axis=1
        ).reshape(-1, 2)
        return grouping(self.rows[kept], patients, pairs, families=self.family_numbers)


@dataclass(frozen=True)
class FamilyCounts:
    """The patients of one family in one group, each `(k,)`, in the order of `families`.

    `families`, their number; `groups`, the place in the grouping's `groups`; `counts`, how many
    they are. `of_member` `(m,)`: the place here of each of the grouping's members.
    """

    families: Numbers
    groups: Numbers
    counts: Numbers
    of_member: Numbers


def grouping(
    rows: Numbers, patient_of_row: Numbers, pairs: Numbers, *, families: Numbers | None = None
) -> Grouping:
    """The grouping of rows `(r,)`, whose patients are given `(r,)`, by pairs of patient and group
    `(m, 2)`. `families`: by patients' numbers, the number of each one's family; without, everybody
    is a family alone.

    Rows of patients who are in no group are left out, as are pairs of patients without a row.
    """
    pairs = np.unique(np.asarray(pairs, dtype=np.int64).reshape(-1, 2), axis=0)
    known = np.isin(patient_of_row, pairs[:, 0])
    rows, patient_of_row = rows[known], patient_of_row[known]
    order = np.lexsort((rows, patient_of_row))
    patients, row_starts = np.unique(patient_of_row[order], return_index=True)
    pairs = pairs[np.isin(pairs[:, 0], patients)]
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    groups, member_starts = np.unique(pairs[:, 1], return_index=True)
    return Grouping(
        rows=rows[order].astype(np.int64),
        row_starts=row_starts.astype(np.int64),
        patients=patients.astype(np.int64),
        members=np.searchsorted(patients, pairs[:, 0]).astype(np.int64),
        member_starts=member_starts.astype(np.int64),
        groups=groups.astype(np.int64),
        family_numbers=families,
    )


def ranges(first: Numbers, lengths: Numbers) -> Numbers:
    """The numbers first[i] … first[i] + lengths[i] - 1 of every i, one after the other."""
    ends = np.cumsum(lengths)
    offsets = np.repeat(first - (ends - lengths), lengths)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) + offsets, dtype=np.int64)


def _all_equal(ordered: Numbers, wanted: Numbers) -> tuple[Numbers, Numbers]:
    """All places in ascending numbers of each of `wanted` `(q,)`: which of the `q`, and where."""
    first = np.searchsorted(ordered, wanted, side="left")
    lengths = np.searchsorted(ordered, wanted, side="right") - first
    return np.repeat(np.arange(len(wanted)), lengths), ranges(first, lengths)


def _lengths(starts: Numbers, total: int) -> Numbers:
    return np.diff(starts, append=total).astype(np.int64)


def _run(values: Numbers, starts: Numbers, place: int) -> Numbers:
    stop = starts[place + 1] if place + 1 < len(starts) else len(values)
    return values[starts[place] : stop]
