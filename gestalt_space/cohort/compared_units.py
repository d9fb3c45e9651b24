"""The units of a comparison of two groups: families with the disorders that both groups have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.families import unit_means, unit_strata, units_of
from gestalt_space.cohort.patients import Fact, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.stats.permutation import Stratum

Numbers = NDArray[np.int64]
FEWEST = 2
"""Families of a disorder in each group: with one, there is no pair within the group."""


@dataclass(frozen=True, slots=True)
class TooFew:
    """A disorder that is not compared, with the number of its patients in each group."""

    disorder: str
    patients_a: int
    patients_b: int


@dataclass(frozen=True)
class ComparedUnits:
    """Families with compared disorders, those of A before those of B.

    For units `(u,)`: `means` `(u, d)` of their patients' means; `kinds`: the place of each one's
    disorder in `disorders`; `in_a`; `strata`, in words, within which labels are permuted. For their
    patients `(q,)`, as places among those of A, then those of B: `patients`, and the unit of each.
    """

    disorders: tuple[str, ...]
    means: NDArray[np.float32]
    kinds: Numbers
    in_a: NDArray[np.bool_]
    strata: NDArray[np.str_]
    patients: Numbers
    unit_of_patient: Numbers

    def of_disorder(self, kind: int, *, in_a: bool) -> Numbers:
        """The units of a disorder in one group."""
        return np.flatnonzero((self.kinds == kind) & (self.in_a == in_a))

    def patients_of_disorder(self, kind: int, *, in_a: bool) -> Numbers:
        """The patients of these units, as places among those of A, then those of B."""
        there = np.isin(self.unit_of_patient, self.of_disorder(kind, in_a=in_a))
        return self.patients[there]

    def shuffles(self, kind: int | None = None) -> list[Stratum]:
        """How labels are permuted: the strata of all disorders, or of one."""
        there = np.arange(len(self.kinds))
        if kind is not None:
            there = np.flatnonzero(self.kinds == kind)
        strata: dict[tuple[int, str], list[int]] = {}
        keys = zip(self.kinds[there].tolist(), self.strata[there].tolist(), strict=True)
        for place, key in zip(there.tolist(), keys, strict=True):
            strata.setdefault(key, []).append(place)
        places = [np.array(strata[key]) for key in sorted(strata)]
        return [Stratum(units, int(self.in_a[units].sum())) for units in places]


def compared_units(
    a: Selection, b: Selection, match: Sequence[Fact], *, with_family: bool
) -> tuple[ComparedUnits, tuple[TooFew, ...]]:
    """The units with disorders that have at least two units in each group; and the other disorders.

    A family, or patient, with several of these disorders counts for the first by identifier, so
    that it is counted once. Of a family, the members with that disorder count.
    """
    numbers = [units_of(group, with_family=with_family) for group in (a, b)]
    counts = [int(one.max(initial=-1)) + 1 for one in numbers]
    strata = [
        unit_strata(strata_of(group, match), one)
        for group, one in zip((a, b), numbers, strict=True)
    ]
    taken = [np.zeros(count, bool) for count in counts]
    names = sorted({one for group in (a, b) for has in group.disorders for one in has})
    compared: list[str] = []
    too_few: list[TooFew] = []
    chosen: list[tuple[int, int, Numbers, Numbers]] = []
    for name in names:
        has = [np.array([name in one for one in group.disorders]) for group in (a, b)]
        units = [
            np.flatnonzero(np.bincount(of[own], minlength=count).astype(bool) & ~used)
            for of, own, count, used in zip(numbers, has, counts, taken, strict=True)
        ]
        if min(map(len, units)) < FEWEST:
            too_few.append(TooFew(name, int(has[0].sum()), int(has[1].sum())))
            continue
        for group, there in enumerate(units):
            taken[group][there] = True
            members = np.flatnonzero(has[group] & np.isin(numbers[group], there))
            chosen.append((group, len(compared), there, members))
        compared.append(name)
    return _joined((a, b), numbers, strata, tuple(compared), chosen), tuple(too_few)


def _joined(
    groups: tuple[Selection, Selection],
    numbers: Sequence[Numbers],
    strata: Sequence[NDArray[np.str_]],
    disorders: tuple[str, ...],
    chosen: Sequence[tuple[int, int, Numbers, Numbers]],
) -> ComparedUnits:
    ordered = sorted(chosen, key=lambda one: one[:2])
    units = np.concatenate([there for _, _, there, _ in ordered] or [np.zeros(0, np.int64)])
    sizes = [len(there) for _, _, there, _ in ordered]
    group = np.repeat([one[0] for one in ordered], sizes).astype(np.int64)
    kinds = np.repeat([one[1] for one in ordered], sizes).astype(np.int64)
    place = {(int(g), int(u)): at for at, (g, u) in enumerate(zip(group, units, strict=True))}
    patients, owner = [], []
    for which, _, _, members in ordered:
        patients.append(members + which * len(groups[0].patients))
        owner += [place[which, int(numbers[which][one])] for one in members]
    everybody = np.concatenate(patients) if patients else np.zeros(0, np.int64)
    unit_of_patient = np.array(owner, dtype=np.int64)
    means = np.concatenate([one.patient_means() for one in groups])
    return ComparedUnits(
        disorders=disorders,
        means=unit_means(means[everybody], unit_of_patient),
        kinds=kinds,
        in_a=group == 0,
        strata=np.array(
            [strata[g][u] for g, u in zip(group.tolist(), units.tolist(), strict=True)],
            dtype=np.str_,
        ).reshape(len(units)),
        patients=everybody,
        unit_of_patient=unit_of_patient,
    )
