"""What makes a cohort unlike an experiment: sites, families and wrong diagnoses, dealt to patients.

A family is of one disorder, one cohort, one site and one diagnosis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError

Numbers = NDArray[np.int64]

MOST_DISPERSION = 20.0
FIRST_DEGREE = 0.5
"""Share of the variance that siblings, or a parent and a child, have in common where all of it is
inherited additively (Falconer and Mackay 1996)."""


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """How a cohort came together. Without a change: one place, nobody related, nobody mistaken.

    `sites`: names; `site_strength` 0..1: how much they differ; `sites_by_disorder` 0..1: share of
    the patients whose site is the one of their disorder, the others are dealt evenly;
    `cohorts_by_site`: whether cohorts are groups of sites. `families`: share of the patients who
    have a relative in the cohort, a pair each; `kinship` 0..1: correlation of their faces. `wrong`:
    share of the patients whose diagnosis is not the disorder they have. `photos_dispersion`:
    variance of the number of further photos, beyond Poisson's, in squares of the mean.
    """

    sites: tuple[str, ...] = ()
    site_strength: float = 1.0
    sites_by_disorder: float = 0.0
    cohorts_by_site: bool = False
    families: float = 0.0
    kinship: float = FIRST_DEGREE
    wrong: float = 0.0
    photos_dispersion: float = 0.0


@dataclass(frozen=True, slots=True)
class PatientAssignments:
    """What each patient gets, all `(p,)`. `first`: the place of the first of the patient's family,
    which is the own one for most; `site`: number, -1 where there are none; `cohort`: number;
    `true`: number of the disorder that a patient has, -1 for controls."""

    first: Numbers
    site: Numbers
    cohort: Numbers
    true: Numbers


def deal(
    plan: StudyPlan, seed: int, diagnosed: Sequence[int], disorders: int, cohorts: int
) -> PatientAssignments:
    """Deal sites, families and wrong diagnoses to patients with the diagnoses `diagnosed` `(p,)`:
    numbers of `disorders`, -1 for controls. The same arguments give the same.

    Raises `UsageError` for a plan that cannot be.
    """
    told = np.asarray(diagnosed, dtype=np.int64)
    _check(plan, told, disorders, cohorts)
    rng = np.random.default_rng([seed, 4])
    first = _families(rng, told, plan.families)
    unit = np.unique(first, return_inverse=True)[1]
    lead = np.unique(first)
    site = np.full(len(lead), -1)
    if plan.sites:
        site = rng.permutation(len(lead)) % len(plan.sites)
        home = rng.permutation(disorders) % len(plan.sites)
        follows = (rng.random(len(lead)) < plan.sites_by_disorder) & (told[lead] >= 0)
        site = np.where(follows, home[told[lead]], site)
    cohort = site if plan.cohorts_by_site else np.arange(len(lead))
    wrong = (rng.random(len(lead)) < plan.wrong) & (told[lead] >= 0)
    other = (told[lead] + rng.integers(1, max(disorders, 2), len(lead))) % disorders
    return PatientAssignments(
        first=first,
        site=site[unit],
        cohort=(cohort % cohorts)[unit],
        true=np.where(wrong, other, told[lead])[unit],
    )


def photo_count(rng: np.random.Generator, mean: float, dispersion: float, most: int) -> int:
    """Photos of a patient: one, and a Poisson number more; of a rate of the patient's own, gamma,
    where there is a dispersion, so that a few have many. Never more than `most`."""
    more = max(0.0, mean - 1.0)
    if dispersion:
        more *= rng.gamma(1 / dispersion, dispersion)
        return min(most, 1 + int(rng.poisson(more)))
    return 1 + int(rng.poisson(more))


def relative_age(rng: np.random.Generator, age_years: float) -> tuple[str, float]:
    """Whether somebody's relative is their `sibling` or, once in four where the age allows it,
    their `parent`, and the relative's age in years."""
    if age_years < 40 and rng.random() < 0.25:
        return "parent", round(age_years + float(rng.uniform(18, 40)), 2)
    return "sibling", round(float(np.clip(age_years + rng.normal(0, 4), 0.3, 85)), 2)


def _families(rng: np.random.Generator, told: Numbers, share: float) -> Numbers:
    """`(p,)`: the place of the first of each family; pairs are of one diagnosis."""
    first = np.arange(len(told))
    for kind in np.unique(told[told >= 0]):
        members = np.flatnonzero(told == kind)
        # A share that is no whole number of pairs is rounded by chance, so that it holds in all.
        pairs = min(len(members) // 2, int(share * len(members) / 2 + rng.random()))
        chosen = members[: 2 * pairs]
        first[chosen[1::2]] = chosen[::2]
    return first


def _check(plan: StudyPlan, told: Numbers, disorders: int, cohorts: int) -> None:
    for name in ("site_strength", "sites_by_disorder", "families", "kinship", "wrong"):
        if not 0 <= (value := getattr(plan, name)) <= 1:
            words = name.replace("_", " ")
            raise UsageError(
                f"The value of {words} cannot be {value:g}.", "Give a number from 0 to 1."
            )
    if not 0 <= plan.photos_dispersion <= MOST_DISPERSION:
        raise UsageError(
            f"{plan.photos_dispersion:g} is not a valid dispersion of the photos.",
            f"Give a number from 0 to {MOST_DISPERSION:g}.",
        )
    if not all(plan.sites):
        raise UsageError("The name of a site is empty.", "Give names, separated by commas.")
    if len(set(plan.sites)) < len(plan.sites):
        raise UsageError("Two sites have the same name.", "Give each site a different name.")
    if len(plan.sites) > len(told):
        raise UsageError(
            f"{len(plan.sites):,} sites are too many for {len(told):,} people.",
            "Use fewer sites, or more patients.",
        )
    if not plan.sites and (plan.sites_by_disorder or plan.cohorts_by_site):
        raise UsageError("The cohort has no sites.", "Add --sites.")
    if plan.cohorts_by_site and cohorts > len(plan.sites):
        raise UsageError(
            f"Cannot build {cohorts} cohorts from {len(plan.sites)} sites.",
            "Use more sites, or fewer cohorts.",
        )
    if plan.wrong and disorders < 2:
        raise UsageError(
            "With only one disorder, no diagnosis can be wrong.", "Use two or more disorders."
        )
