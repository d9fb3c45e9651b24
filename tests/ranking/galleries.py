"""Groupings to rank, from lists, and drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from gestalt_space.ranking.grouping import Grouping, grouping


def made(
    groups: Sequence[Sequence[int]],
    patient_of_row: Sequence[int] | None = None,
    families: Sequence[int] | None = None,
) -> Grouping:
    """The grouping whose groups have these patients; by default each patient has one row, and is of
    a family alone."""
    pairs = [(patient, number) for number, patients in enumerate(groups) for patient in patients]
    owners = patient_of_row
    if owners is None:
        owners = range(1 + max((patient for patient, _ in pairs), default=-1))
    return grouping(
        np.arange(len(owners)),
        np.array(owners, np.int64),
        np.array(pairs[::-1], np.int64).reshape(-1, 2),
        families=None if families is None else np.array(families, np.int64),
    )


@dataclass(frozen=True)
class Case:
    """A probe's similarities to rows, whose rows they are, the patients of groups, the families of
    patients, the probe's own patient or -1."""

    similarities: list[float]
    patient_of_row: list[int]
    groups: list[list[int]]
    families: list[int]
    own: int

    @property
    def grouping(self) -> Grouping:
        """Its grouping."""
        return made(self.groups, self.patient_of_row, self.families)

    @property
    def own_family(self) -> int:
        """The number of the own patient's family, or -1."""
        return self.families[self.own] if self.own >= 0 else -1

    @property
    def left_out(self) -> set[int]:
        """The patients of the own family."""
        return {p for p, family in enumerate(self.families) if family == self.own_family}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small galleries with few similarities, so that there are ties."""
    n = draw(st.integers(1, 12))
    patients = draw(st.integers(1, 8))
    values = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0])
    patient = st.integers(0, patients - 1)
    return Case(
        similarities=draw(st.lists(values, min_size=n, max_size=n)),
        patient_of_row=draw(st.lists(patient, min_size=n, max_size=n)),
        groups=draw(st.lists(st.lists(patient, unique=True), min_size=1, max_size=6)),
        families=draw(st.lists(patient, min_size=patients, max_size=patients)),
        own=draw(st.integers(-1, patients - 1)),
    )
