"""Cohorts of patients who do not exist: who they are, what they have, and their photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.phenotype.release import Release
from gestalt_space.simulate.annotated_disorders import annotated_disorders
from gestalt_space.simulate.capture import Capture, sample_capture, take
from gestalt_space.simulate.disorders import (
    DIFFICULTIES,
    Difficulty,
    SimulatedDisorder,
    draw_disorders,
)
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.phenotypes import show
from gestalt_space.simulate.published_cases import PublishedCase, PublishedCases
from gestalt_space.simulate.sites import PhotoSite, draw_sites
from gestalt_space.simulate.study import StudyPlan, deal, photo_count, relative_age
from gestalt_space.simulate.subjects import UNKNOWN, Subject, SubjectSource

FREQUENT = 7
"""Patients from which on a disorder counts as frequent, as in GMDB; rare ones have 2 to 6."""
MOST_PATIENTS = 60
MOST_PHOTOS = 100
MOST_PEOPLE = 1_000_000
"""As many as there are identifiers."""
MOST_SEED = 2**63 - 1
"""It stands in names of files."""
AGE_GROUPS: Mapping[str, tuple[float, float]] = {
    "0-2": (0.3, 3.0),
    "3-9": (3.0, 10.0),
    "10-19": (10.0, 20.0),
    "20-39": (20.0, 40.0),
    "40-59": (40.0, 60.0),
    "60+": (60.0, 85.0),
}
USUAL_AGES = {"0-2": 0.15, "3-9": 0.35, "10-19": 0.25, "20-39": 0.15, "40-59": 0.07, "60+": 0.03}
"""Patients are children more often than not."""


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """What a cohort is to be.

    `patients` in all, dealt to the disorders in a long tail, two at least, or evenly; `controls`:
    people without a disorder; `photos_per_patient`: a mean, at least 1; `sexes`, `ages`,
    `ancestries`: shares of the groups, which are brought to a sum of 1; none means all alike;
    `terms`: the phenotypes that disorders are made of, none means all; `cohorts`: names of the
    cohorts to which the patients of each disorder are dealt in turn; `study`: sites, families and
    wrong diagnoses.
    """

    disorders: int = 100
    patients: int | None = None
    controls: int = 0
    photos_per_patient: float = 1.3
    difficulty: str = "clinical"
    seed: int = 7
    sexes: Mapping[str, float] | None = None
    ages: Mapping[str, float] = field(default_factory=lambda: dict(USUAL_AGES))
    ancestries: Mapping[str, float] | None = None
    terms: tuple[str, ...] | None = None
    is_even: bool = False
    cohorts: tuple[str, ...] = ("simulated",)
    study: StudyPlan = field(default_factory=StudyPlan)


@dataclass(frozen=True, slots=True)
class SimulatedPatient:
    """A patient or, without a disorder, a control. `strengths` by term, in standard deviations.

    `diagnosis` and `gene` are what tables say; `disorder` is what the face shows, the same but for
    wrong diagnoses. `family`: its name, empty for those without a relative in the cohort;
    `relation` of the patient to the family's first: `sibling`, `parent`, or empty.
    """

    id: str
    subject: Subject
    disorder: SimulatedDisorder | None
    diagnosis: SimulatedDisorder | None
    gene: str | None
    strengths: Mapping[str, float]
    ages: tuple[float, ...]
    """Age in years at each photo."""
    cohort: str
    site: PhotoSite | None = None
    family: str = ""
    relation: str = ""
    case: PublishedCase | None = None
    """The published case whose terms the face shows."""

    @property
    def told_sex(self) -> str:
        """What tables say; a case of which it is not known has a face of some sex all the same."""
        return self.subject.sex if self.case is None else self.case.sex or UNKNOWN

    @property
    def is_age_told(self) -> bool:
        """Whether the ages of the photos stand in tables."""
        return self.case is None or self.case.age_years is not None

    @property
    def told_terms(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """HPO terms in tables, present and excluded: of a case all that are published."""
        if self.case is None:
            return tuple(self.strengths), ()
        return self.case.present, self.case.excluded


@dataclass(frozen=True, slots=True)
class SimulatedPhoto:
    """A photo of a patient, and how it was taken."""

    id: int
    patient: SimulatedPatient
    age_years: float
    capture: Capture
    portrait: Portrait


@dataclass(frozen=True, slots=True)
class Cohort:
    """The people of a cohort; their photos are made one by one. `published`: the cases that they
    show, where they show published ones; `hpo`: the release of HPO that the disorders are from,
    where they are real ones."""

    plan: CohortPlan
    disorders: tuple[SimulatedDisorder, ...]
    patients: tuple[SimulatedPatient, ...]
    source: SubjectSource
    sites: tuple[PhotoSite, ...] = ()
    published: PublishedCases | None = None
    hpo: str | None = None

    @property
    def photo_count(self) -> int:
        """Photos of all patients."""
        return sum(len(patient.ages) for patient in self.patients)

    def photos(self) -> Iterator[SimulatedPhoto]:
        """Every photo, numbered from 1, in the order of the patients."""
        number = 0
        for row, patient in enumerate(self.patients):
            rng = np.random.default_rng([self.plan.seed, 2, row])
            for age in patient.ages:
                number += 1
                site = patient.site
                wall = None if site is None else site.wall
                portrait = self.source.portrait(patient.subject, rng, age, wall)
                capture = sample_capture(rng)
                capture = capture if site is None else site.capture(capture)
                shown = take(show(portrait, patient.strengths), capture)
                yield SimulatedPhoto(number, patient, age, capture, shown)


def draw_cohort(
    plan: CohortPlan, source: SubjectSource, *, release: Release | None = None
) -> Cohort:
    """Draw the people of a cohort. The same plan and source give the same cohort.

    `release`: of HPO, for real disorders with the facial terms and frequencies of its annotations
    instead of disorders that do not exist; the plan's `terms` do not count then.

    Raises `UsageError` for a plan that cannot be: too many disorders for the terms, too few
    patients for the disorders, unknown words, shares that are no shares, numbers that cannot be,
    too few real faces.
    """
    difficulty = checked_difficulty(plan)
    total = 8 * plan.disorders if plan.patients is None else plan.patients
    if total + plan.controls > MOST_PEOPLE:
        raise UsageError(
            f"{total + plan.controls:,} people are too many for a cohort.",
            f"The limit is {MOST_PEOPLE:,}. Use fewer disorders, patients or controls.",
        )
    rng = np.random.default_rng([plan.seed, 0])
    if release is None:
        disorders = draw_disorders(rng, plan.disorders, difficulty, plan.terms)
    else:
        disorders = annotated_disorders(release, rng, plan.disorders, difficulty)
    counts = patient_counts(rng, plan.disorders, total, is_even=plan.is_even)
    told = [number for number, count in enumerate(counts) for _ in range(count)]
    told += [-1] * plan.controls
    draws = PatientDraws(plan, source, told, plan.disorders)
    dealt, rng = draws.dealt, draws.rng
    patients: list[SimulatedPatient] = []
    for number, first in enumerate(dealt.first):
        site = draws.site(number)
        sex, age, ancestry = draws.strata.draw(rng, site)
        relation, head = "", None if first == number else patients[first]
        if head is None:
            subject = source.draw(rng, sex=sex, age_years=age, ancestry=ancestry)
        else:
            relation, age = relative_age(rng, head.subject.age_years)
            subject = source.relative(
                rng, head.subject, sex=sex, age_years=age, kinship=plan.study.kinship
            )
        count = photo_count(rng, plan.photos_per_patient, plan.study.photos_dispersion, MOST_PHOTOS)
        disorder = None if told[number] < 0 else disorders[dealt.true[number]]
        diagnosis = None if told[number] < 0 else disorders[told[number]]
        gene = str(rng.choice(diagnosis.genes)) if diagnosis and diagnosis.genes else None
        patients.append(
            SimulatedPatient(
                id=draws.names[number],
                subject=subject,
                disorder=disorder,
                diagnosis=diagnosis,
                gene=gene if head is None else head.gene,
                strengths={} if disorder is None else disorder.sample_strengths(rng, difficulty),
                ages=photo_ages(rng, subject, count),
                cohort=plan.cohorts[dealt.cohort[number]],
                site=site,
                family=draws.family(first),
                relation=relation,
            )
        )
    hpo = None if release is None else release.ontology.release
    return Cohort(plan, disorders, tuple(patients), source, draws.sites, hpo=hpo)


def checked_difficulty(plan: CohortPlan) -> Difficulty:
    """The difficulty of a plan whose words and numbers can be. Raises `UsageError`."""
    difficulty = DIFFICULTIES.get(plan.difficulty)
    if difficulty is None:
        raise UsageError(
            f"Unknown difficulty {plan.difficulty!r}.",
            f"Choose one of: {', '.join(DIFFICULTIES)}.",
        )
    if (
        plan.controls < 0
        or not 0 <= plan.seed <= MOST_SEED
        or not 1 <= plan.photos_per_patient <= MOST_PHOTOS
    ):
        raise UsageError(
            f"Cannot make a cohort with {plan.controls} controls, {plan.photos_per_patient:g} "
            f"photos per patient and seed {plan.seed}.",
            f"Controls must be 0 or more, the seed 0 to {MOST_SEED}, and the mean number of "
            f"photos per patient 1 to {MOST_PHOTOS}.",
        )
    if not plan.cohorts or not all(plan.cohorts):
        raise UsageError("The name of a cohort is empty.", "Give names, separated by commas.")
    return difficulty


def patient_counts(
    rng: np.random.Generator, disorders: int, patients: int, *, is_even: bool = False
) -> list[int]:
    """A long tail: a few disorders with many patients, most with 2 to 6; the sum is `patients`.
    Evenly, no disorder has two more than another.

    Raises `UsageError` where there are not two to sixty a disorder.
    """
    if disorders < 1 or not 2 * disorders <= patients <= MOST_PATIENTS * disorders:
        raise UsageError(
            f"Cannot divide {patients} patients among {disorders} disorders.",
            f"A disorder must have 2 to {MOST_PATIENTS} patients.",
        )
    if is_even:
        return [patients // disorders + (row < patients % disorders) for row in range(disorders)]
    weights = rng.pareto(1.1, disorders) + 0.15
    counts = np.full(disorders, 2)
    rest = patients - 2 * disorders
    while rest:
        open_ = counts < MOST_PATIENTS
        share = rng.multinomial(rest, np.where(open_, weights, 0) / weights[open_].sum())
        counts = np.minimum(counts + share, MOST_PATIENTS)
        rest = patients - int(counts.sum())
    return [int(count) for count in counts]


class Strata:
    """Draws sex, age and ancestry by their shares, those of a site where there is one."""

    def __init__(self, plan: CohortPlan, source: SubjectSource) -> None:
        self._sexes = _shares("sex", plan.sexes, source.sexes)
        self.ages = _shares("age", plan.ages, tuple(AGE_GROUPS))
        self.ancestries = _shares("ancestry", plan.ancestries, source.ancestries)

    def draw(self, rng: np.random.Generator, site: PhotoSite | None) -> tuple[str, float, str]:
        """Sex, age in years and ancestry of somebody."""
        ages = self.ages if site is None else site.ages
        ancestries = self.ancestries if site is None else site.ancestries
        sex, group, ancestry = (
            str(rng.choice(list(shares), p=list(shares.values())))
            for shares in (self._sexes, ages, ancestries)
        )
        return sex, round(float(rng.uniform(*AGE_GROUPS[group])), 2), ancestry


def _shares(
    what: str, shares: Mapping[str, float] | None, known: Sequence[str]
) -> dict[str, float]:
    shares = dict.fromkeys(known, 1.0) if shares is None else shares
    for name, share in shares.items():
        if name not in known:
            raise UsageError(
                f"The model of persons has no {what} {name!r}.", f"Choose from: {', '.join(known)}."
            )
        if not 0 <= share < float("inf"):
            raise UsageError(f"{share:g} is not a share of {what} {name}.", "Give 0 or more.")
    largest = max(shares.values(), default=0.0)
    if not largest > 0:
        raise UsageError(f"The shares of {what} are all 0.", "Give at least one share above 0.")
    # By the largest first: the sum of numbers near the end of their range is beyond it.
    parts = {name: share / largest for name, share in shares.items()}
    total = sum(parts.values())
    return {name: part / total for name, part in parts.items()}


class PatientDraws:
    """What is drawn for all patients of a cohort before the first one: who is a relative of whom,
    sites and names. `told`: the place of each patient's disorder, of `disorders`; -1 for a control.
    `rng`: draws all else, patient after patient.
    """

    def __init__(
        self, plan: CohortPlan, source: SubjectSource, told: Sequence[int], disorders: int
    ) -> None:
        self.dealt = deal(plan.study, plan.seed, told, disorders, len(plan.cohorts))
        self.strata = Strata(plan, source)
        self.sites = draw_sites(
            np.random.default_rng([plan.seed, 5]),
            plan.study.sites,
            plan.study.site_strength,
            self.strata.ages,
            self.strata.ancestries,
        )
        self.rng = np.random.default_rng([plan.seed, 1])
        self.names = opaque_identifiers(self.rng, len(told))
        self._members = np.bincount(self.dealt.first, minlength=len(told))

    def site(self, number: int) -> PhotoSite | None:
        """Where a patient's photos are taken; None where there are no sites."""
        return self.sites[self.dealt.site[number]] if self.sites else None

    def family(self, first: int) -> str:
        """The name of a family, by its first member; empty where there is no other."""
        return f"F-{self.names[first]}" if self._members[first] > 1 else ""


def photo_ages(rng: np.random.Generator, subject: Subject, count: int) -> tuple[float, ...]:
    """The age at each photo: the subject's own, and earlier or later ones."""
    if not subject.ages_freely:
        return (subject.age_years,) * count
    more = subject.age_years + rng.normal(0, 4.0, count - 1)
    return (subject.age_years, *(round(float(np.clip(age, 0.3, 90)), 2) for age in more))


def opaque_identifiers(rng: np.random.Generator, count: int) -> list[str]:
    """Opaque: nothing about the person can be read from them."""
    numbers = rng.choice(MOST_PEOPLE, count, replace=False)
    return [f"P{number:06d}" for number in numbers]
