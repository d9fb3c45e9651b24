"""The HPO terms of patients and controls: similarities of families, which terms differ, and whether
one group was described more thoroughly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.term_shares import TermShare, term_shares
from gestalt_space.counts import counted_text
from gestalt_space.phenotype.patients import DescribedPatients
from gestalt_space.stats.permutation import Stratum, draw_groups, p_value

PERMUTATIONS = 10_000
UNEVEN = 0.1
"""The p-value of the numbers of terms from which on they are a reason to warn. Not 0.05: a
classifier may make more of them than their mean tells."""

Groups = Sequence[Selection]
"""Patients and controls."""
Units = Sequence[NDArray[np.int64]]
"""For each of the two groups, the number of each patient's family, from 0."""


@dataclass(frozen=True, slots=True)
class TermCount:
    """Terms of each family: the means of patients and of controls, without terms that others imply,
    and how often a permutation makes them differ as much, two-sided."""

    patients: float
    controls: float
    p: float


@dataclass(frozen=True, slots=True)
class TermGroups:
    """What differs between the terms of patients and controls.

    `release`: of HPO. `patients_without` and `controls_without`: patients of the cohort, and
    others, who are left out because they have no term that can be used. `unusable`: stored terms of
    those compared that the release does not have, or that are no phenotypes.
    """

    release: str
    patients_without: int
    controls_without: int
    unusable: int
    count: TermCount
    shares: tuple[TermShare, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What cannot be concluded, in sentences."""
        found, count = [], self.count
        if count.p <= UNEVEN:
            more, fewer = (
                ("Patients", "controls")
                if count.patients > count.controls
                else ("Controls", "patients")
            )
            most, least = sorted((count.patients, count.controls), reverse=True)
            found.append(
                f"{more} have more terms than {fewer}: {most:.1f} against {least:.1f} on average. "
                "The classifier may have learnt who was described more thoroughly."
            )
        if self.unusable:
            found.append(
                f"{counted_text(self.unusable, 'stored term')} not used: HPO of {self.release} "
                "does not have them, or they are no phenotypes."
            )
        return tuple(found)


def unit_similarities(
    described: DescribedPatients, groups: Groups, units: Units
) -> NDArray[np.float64]:
    """`(u, u)`: how similar the terms of families are, those of patients first: the mean over pairs
    of their members."""
    means = _averaging(units)
    return np.asarray(means @ described.similarities(_patients(groups)) @ means.T)


def compare_terms(
    described: DescribedPatients,
    groups: Groups,
    units: Units,
    strata: Sequence[Stratum],
    seed: int,
    without: Sequence[int],
) -> TermGroups:
    """Compare the terms of patients and controls. `strata`: within which families are permuted;
    `without`: patients of the cohort and others who have no terms."""
    patients, means = _patients(groups), _averaging(units)
    first = np.arange(len(means)) < int(units[0].max()) + 1
    terms, has = described.implied(patients)
    ontology = described.release.ontology
    return TermGroups(
        release=ontology.release,
        patients_without=without[0],
        controls_without=without[1],
        unusable=sum(described.unusable[one] for one in patients),
        count=_count(means @ described.counts(patients), first, strata, seed),
        shares=term_shares(ontology, terms, means @ has, first, strata, seed),
    )


def _count(
    counts: NDArray[np.float64], first: NDArray[np.bool_], strata: Sequence[Stratum], seed: int
) -> TermCount:
    patients, controls = float(counts[first].mean()), float(counts[~first].mean())
    blocks = draw_groups(np.random.default_rng([seed, 5]), strata, len(first), PERMUTATIONS)
    sums = np.concatenate([block @ counts for block in blocks])
    drawn = sums / first.sum() - (counts.sum() - sums) / np.sum(~first)
    return TermCount(patients, controls, p_value(abs(patients - controls), np.abs(drawn)))


def _patients(groups: Groups) -> list[str]:
    return [one for group in groups for one in group.patients]


def _averaging(units: Units) -> NDArray[np.float64]:
    """`(u, p)`: the weight of each patient in the mean of each family."""
    start = int(units[0].max()) + 1
    numbers = np.concatenate([units[0], units[1] + start])
    found = np.equal.outer(np.arange(int(numbers.max()) + 1), numbers).astype(np.float64)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
