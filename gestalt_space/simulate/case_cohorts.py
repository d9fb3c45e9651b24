"""Cohorts of persons who do not exist, each with the facial terms of a published case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.simulate.cohort import (
    MOST_PEOPLE,
    MOST_PHOTOS,
    Cohort,
    CohortPlan,
    PatientDraws,
    SimulatedPatient,
    checked_difficulty,
    photo_ages,
)
from gestalt_space.simulate.disorders import Difficulty, Feature, SimulatedDisorder
from gestalt_space.simulate.phenotypes import STRONGEST
from gestalt_space.simulate.published_cases import PublishedCase, PublishedCases, choose_cases
from gestalt_space.simulate.study import photo_count
from gestalt_space.simulate.subjects import RealSubjects, SubjectSource

GENERATION = 16.0
"""Years between relatives from which on the older one is a parent."""


def draw_case_cohort(
    plan: CohortPlan,
    published: PublishedCases,
    source: SubjectSource,
    *,
    disorders: int | None = None,
) -> Cohort:
    """Draw a person for each published case, or for `plan.patients` of them, of all disorders or
    the `disorders` with the most cases.

    Sex and age are the case's, and drawn by the plan's shares where they are not known. All terms
    of the case that can be shown are shown; how strongly is drawn for each term of a disorder by
    the plan's difficulty, and varies among its patients as in `draw_cohort`. The plan's `terms` do
    not count. Raises `UsageError` for a plan that cannot be, and for faces of real people.
    """
    difficulty = checked_difficulty(plan)
    if isinstance(source, RealSubjects):
        raise UsageError(
            "Published cases are not shown on faces of real people.",
            "Use simulated faces: --persons builtin.",
        )
    cases = choose_cases(
        published.cases,
        plan.seed,
        disorders=disorders,
        patients=plan.patients,
        is_even=plan.is_even,
    )
    if len(cases) + plan.controls > MOST_PEOPLE:
        raise UsageError(f"The limit is {MOST_PEOPLE:,} people.", "Use fewer --patients.")
    planted = _disorders(np.random.default_rng([plan.seed, 0]), cases, difficulty)
    places = {disorder.id: number for number, disorder in enumerate(planted)}
    had = [places[case.disorder.id] for case in cases] + [-1] * plan.controls
    draws = PatientDraws(plan, source, had, len(planted))
    dealt, rng = draws.dealt, draws.rng
    patients: list[SimulatedPatient] = []
    for number, first in enumerate(dealt.first):
        case = cases[number] if number < len(cases) else None
        site = draws.site(number)
        sex, age, ancestry = draws.strata.draw(rng, site)
        if case is not None:
            sex = case.sex if case.sex and case.sex in source.sexes else sex
            age = age if case.age_years is None else round(case.age_years, 2)
        relation, head = "", None if first == number else patients[first]
        if head is None:
            subject = source.draw(rng, sex=sex, age_years=age, ancestry=ancestry)
        else:
            is_older = age - head.subject.age_years >= GENERATION
            relation = "parent" if is_older else "sibling"
            subject = source.relative(
                rng, head.subject, sex=sex, age_years=age, kinship=plan.study.kinship
            )
        count = photo_count(rng, plan.photos_per_patient, plan.study.photos_dispersion, MOST_PHOTOS)
        # A wrong diagnosis stands in tables; the face shows what the case has.
        disorder = None if case is None else planted[had[number]]
        diagnosis = None if case is None else planted[dealt.true[number]]
        gene = None if case is None else case.gene
        if diagnosis is not disorder and diagnosis is not None:
            gene = str(rng.choice(diagnosis.genes)) if diagnosis.genes else None
        patients.append(
            SimulatedPatient(
                id=draws.names[number],
                subject=subject,
                disorder=disorder,
                diagnosis=diagnosis,
                gene=gene,
                strengths=_strengths(rng, case, disorder, difficulty),
                ages=photo_ages(rng, subject, count),
                cohort=plan.cohorts[dealt.cohort[number]],
                site=site,
                family=draws.family(first),
                relation=relation,
                case=case,
            )
        )
    drawn = replace(plan, disorders=len(planted), patients=len(cases), terms=None)
    return Cohort(drawn, planted, tuple(patients), source, draws.sites, published, published.hpo)


def _disorders(
    rng: np.random.Generator, cases: Sequence[PublishedCase], difficulty: Difficulty
) -> tuple[SimulatedDisorder, ...]:
    """The disorders of cases, by identifier, with the terms that any of their cases shows."""
    found = []
    for id_ in sorted({case.disorder.id for case in cases}):
        theirs = [case for case in cases if case.disorder.id == id_]
        counts = Counter(term for case in theirs for term in case.shown)
        names = Counter(case.disorder.name for case in theirs)
        severities = difficulty.severity * rng.lognormal(0.0, 0.25, len(counts))
        found.append(
            SimulatedDisorder(
                id=id_,
                name=max(names, key=lambda name: (names[name], name)),
                features=tuple(
                    Feature(term, round(counts[term] / len(theirs), 3), round(float(severity), 3))
                    for term, severity in zip(sorted(counts), severities, strict=True)
                ),
                genes=tuple(sorted({case.gene for case in theirs if case.gene})),
            )
        )
    return tuple(found)


def _strengths(
    rng: np.random.Generator,
    case: PublishedCase | None,
    disorder: SimulatedDisorder | None,
    difficulty: Difficulty,
) -> dict[str, float]:
    if case is None or disorder is None:
        return {}
    severities = {feature.term: feature.severity for feature in disorder.features}
    return {
        term: float(min(STRONGEST, severities[term] * rng.lognormal(0.0, difficulty.spread)))
        for term in case.shown
    }
