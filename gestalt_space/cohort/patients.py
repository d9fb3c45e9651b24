"""Properties of the patients of selections for statistics: ages, sites, and the strata for
matching."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import SpaceMismatch, UsageError
from gestalt_space.match.demographics import age_steps

Fact = Literal["sex", "age", "ancestry", "site"]
FACTS: tuple[Fact, ...] = get_args(Fact)
"""What groups can be matched on."""


def parse_facts(names: Sequence[str]) -> tuple[Fact, ...]:
    """The facts to match on, from words that may each name several: `age,sex`. Raises
    `UsageError`."""
    wanted = [part.strip() for name in names for part in name.split(",") if part.strip()]
    for name in wanted:
        if name not in FACTS:
            raise UsageError(f"Cannot match on {name!r}.", f"Choose one of: {', '.join(FACTS)}.")
    return tuple(fact for fact in FACTS if fact in wanted)


def check_same_space(one: Selection, other: Selection) -> None:
    """Raises `SpaceMismatch` if the selections have descriptors of different spaces."""
    told = [of.space for of in (one, other)]
    if one.space == other.space:
        told = [f"{of.space} ({of.fingerprint[:12]})" for of in (one, other)]
    dims = [of.descriptors.shape[1] for of in (one, other)]
    if one.fingerprint != other.fingerprint or dims[0] != dims[1]:
        raise SpaceMismatch(
            f"The two sets are in different spaces: {told[0]} with {dims[0]} numbers per photo, "
            f"and {told[1]} with {dims[1]}.",
            "Select both in the same space with --space NAME.",
        )


def patient_ages(selection: Selection) -> NDArray[np.float64]:
    """`(p,)`: the median known age of each patient's photos in years, NaN where none is known."""
    found = np.full(len(selection.patients), np.nan)
    known = ~np.isnan(selection.ages)
    ages = selection.ages[known]
    patients, starts = np.unique(selection.patient_of_row[known], return_index=True)
    for patient, (start, stop) in zip(patients, pairwise([*starts, len(ages)]), strict=True):
        found[patient] = np.median(ages[start:stop])
    return found


def patient_sites(selection: Selection) -> NDArray[np.str_]:
    """`(p,)`: the site of each patient, if all photos are of one; otherwise an empty text."""
    firsts = selection.sites[selection.row_starts]
    other = selection.sites != firsts[selection.patient_of_row]
    several = np.bincount(selection.patient_of_row[other], minlength=len(firsts)) > 0
    found: NDArray[np.str_] = np.where(several, "", firsts)
    return found


def strata_of(selection: Selection, facts: Sequence[Fact]) -> NDArray[np.str_]:
    """`(p,)`: each patient's stratum in words, such as `female, 1 to 2 years`; an empty text if a
    part is unknown, or if the photos are of several sites. Without facts, all patients are in one
    stratum, `all`."""
    facts = parse_facts(facts)
    if not facts:
        return np.full(len(selection.patients), "all")
    columns = {
        "sex": selection.people.sex,
        "age": age_steps(patient_ages(selection)),
        "ancestry": selection.people.ancestry,
        "site": patient_sites(selection),
    }
    rows = zip(*(columns[fact].tolist() for fact in facts), strict=True)
    told = [", ".join(row) if all(row) else "" for row in rows]
    return np.array(told, dtype=np.str_).reshape(len(selection.patients))
