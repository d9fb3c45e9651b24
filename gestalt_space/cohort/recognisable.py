"""Can the patients of a cohort be told from others by the face, by their HPO terms, or by both?
(The question of PhenoScore, Dingemans 2023.)

A classifier learns descriptors, terms or both of patients and matched controls, and is asked about
families that it was not trained on. Its Brier score is compared with those after labels are
permuted over families within matched strata; then p is uniform if the groups do not differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.controls import MatchedControls, matched_controls, unrelated_others
from gestalt_space.cohort.families import (
    site_warnings,
    unit_means,
    unit_strata,
    unit_word,
    units_of,
)
from gestalt_space.cohort.patients import Fact, check_same_space, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.term_groups import TermGroups, compare_terms, unit_similarities
from gestalt_space.errors import UsageError
from gestalt_space.phenotype.patients import DescribedPatients
from gestalt_space.progress import Stages, no_stages
from gestalt_space.stats.area import area, area_under_curve
from gestalt_space.stats.design import require_labellings
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.held_out import Classifier, HeldOut, brier
from gestalt_space.stats.permutation import (
    FEWEST_PERMUTATIONS,
    MOST_PERMUTATIONS,
    Stratum,
    draw_groups,
    p_value,
)

PERMUTATIONS = 1_000
MATCH: tuple[Fact, ...] = ("sex", "age")
By = Literal["face", "terms", "both"]
BY: tuple[By, ...] = get_args(By)
"""By what patients are told from controls."""
FEWEST = 2

_LEAST_LEVEL = 0.05
_SHORTEST = 1e-12


def parse_by(name: str) -> By:
    """What to tell patients apart by. Raises `UsageError`."""
    for one in BY:
        if one == name:
            return one
    raise UsageError(f"{name!r} is neither face, terms nor both.", f"Choose one: {', '.join(BY)}.")


@dataclass(frozen=True)
class RecognisablePlan:
    """What controls have in common with patients, how many there are for each, how often labels are
    permuted, and the seed. `with_family`: all patients count as unrelated. `by`: what is learnt."""

    match: tuple[Fact, ...] = MATCH
    controls: int = 1
    permutations: int = PERMUTATIONS
    seed: int = 0
    with_family: bool = False
    by: By = "face"

    def __post_init__(self) -> None:
        if self.controls < 1:
            raise UsageError("There are no controls.", "Give one or more for each patient.")
        if not FEWEST_PERMUTATIONS <= self.permutations <= MOST_PERMUTATIONS:
            few = self.permutations < FEWEST_PERMUTATIONS
            raise UsageError(
                f"{self.permutations} permutations are too "
                + ("few for a p-value." if few else "many."),
                f"Give {FEWEST_PERMUTATIONS} to {MOST_PERMUTATIONS}; {PERMUTATIONS} are usual.",
            )


USUAL_PLAN = RecognisablePlan()


@dataclass(frozen=True, slots=True)
class ClassifiedGroup:
    """One of the groups that are told apart. `units`: its families, or its patients if they count
    as unrelated."""

    patients: int
    units: int
    photos: int


@dataclass(frozen=True)
class Told:
    """How well patients are told from controls by something.

    `brier`: of families that the classifier was not trained on, 0..1, lower is better;
    `shuffled_brier` and `shuffled_sd`: mean and standard deviation after labels are permuted. `p`:
    one-sided, (b + 1)/(m + 1). `auroc`: 0.5 is chance.
    """

    by: By
    brier: float
    shuffled_brier: float
    shuffled_sd: float
    p: float
    auroc: Estimate


@dataclass(frozen=True)
class Recognisable(Told):
    """Whether patients are told from controls, by what the plan says.

    `patients`, `controls`: who is compared. `unknown`: patients who are excluded because a value to
    match on is not known; `unmatched`: those without enough controls; `relatives`: patients who are
    not controls because they are relatives. `alone`: if the plan says both, how well they are told
    apart by the face alone and by the terms alone, on the same families and permutations. `terms`:
    what differs between the groups' terms, None where only the face is used. `warnings`: what
    cannot be concluded, in sentences.
    """

    patients: ClassifiedGroup
    controls: ClassifiedGroup
    unknown: int
    unmatched: int
    relatives: int
    classifier: Classifier
    folds: int
    alone: tuple[Told, ...]
    terms: TermGroups | None
    warnings: tuple[str, ...]
    plan: RecognisablePlan


def recognisable(
    cohort: Selection,
    gallery: Selection,
    plan: RecognisablePlan = USUAL_PLAN,
    *,
    described: DescribedPatients | None = None,
    stages: Stages = no_stages,
) -> Recognisable:
    """Whether a classifier tells the patients of a cohort from matched controls, who are any of the
    gallery's patients outside the cohort and its families. `described`: their terms, if the plan
    uses them; patients without terms are left out.

    Raises `UsageError` for a cohort of fewer than two patients or families, if nobody can be
    matched, and if there are too few permutations for a p of 0.05; `SpaceMismatch` for different
    spaces.
    """
    check_same_space(cohort, gallery)
    if plan.by == "face":
        described = None
    elif described is None:
        raise UsageError("The terms of the patients are not given.", "Give `described`.")
    others, relatives = unrelated_others(cohort, gallery, with_family=plan.with_family)
    asked_for = (cohort, others)
    if described is not None:
        cohort, others = (_described(group, described) for group in asked_for)
    pairs = zip(asked_for, (cohort, others), strict=True)
    without = [len(before.patients) - len(after.patients) for before, after in pairs]
    _check_enough(cohort, plan, without=without[0])
    matched = matched_controls(
        cohort,
        others,
        plan.match,
        each=plan.controls,
        seed=plan.seed,
        with_family=plan.with_family,
    )
    means, first, strata = _units(matched, plan)
    require_labellings(
        strata,
        _LEAST_LEVEL,
        unit=unit_word(with_family=plan.with_family),
        mirrored=plan.controls == 1,
    )
    numbers = np.empty(len(first), np.int64)
    for number, stratum in enumerate(strata):
        numbers[stratum.places] = number
    groups = (matched.patients, matched.controls)
    units = [units_of(group, with_family=plan.with_family) for group in groups]
    similar = None if described is None else unit_similarities(described, groups, units)
    asked = {
        by: HeldOut.of(
            None if by == "terms" else means,
            first,
            numbers,
            (plan.seed, 2),
            similarities=None if by == "face" else similar,
        )
        for by in (BY if plan.by == "both" else (plan.by,))
    }
    terms = None
    if described is not None:
        terms = compare_terms(described, groups, units, strata, plan.seed, without)
    *alone, told = _told(asked, first, strata, plan, stages)
    one = asked[plan.by]
    return Recognisable(
        patients=_group(matched.patients, int(first.sum())),
        controls=_group(matched.controls, int(np.sum(~first))),
        unknown=matched.unknown,
        unmatched=matched.unmatched,
        relatives=relatives,
        classifier=one.classifier,
        folds=one.folds,
        **vars(told),
        alone=tuple(alone),
        terms=terms,
        warnings=_warnings(matched, plan) + (() if terms is None else terms.warnings),
        plan=plan,
    )


def _described(group: Selection, described: DescribedPatients) -> Selection:
    """Who of a group has terms that can be used."""
    return group.only(one for one in group.patients if one in described)


def _told(
    asked: dict[By, HeldOut],
    first: NDArray[np.bool_],
    strata: list[Stratum],
    plan: RecognisablePlan,
    stages: Stages,
) -> tuple[Told, ...]:
    """What each classifier tells, all by the same permutations."""
    progress = stages("Permuting labels", "permutations")
    given = {by: one.probabilities(first) for by, one in asked.items()}
    observed = {by: brier(one, first) for by, one in given.items()}
    shuffled, areas = np.empty((2, len(asked), plan.permutations))
    blocks = draw_groups(
        np.random.default_rng([plan.seed, 3]), strata, len(first), plan.permutations
    )
    for done, row in enumerate(row for block in blocks for row in block):
        labels = row.astype(bool)
        for which, one in enumerate(asked.values()):
            found = one.probabilities(labels)
            shuffled[which, done], areas[which, done] = brier(found, labels), area(found, labels)
        progress(done + 1, plan.permutations)
    return tuple(
        Told(
            by,
            observed[by],
            float(drawn.mean()),
            float(drawn.std(ddof=1)),
            p_value(-observed[by], -drawn),
            area_under_curve(given[by], first, random),
        )
        for by, drawn, random in zip(asked, shuffled, areas, strict=True)
    )


def _check_enough(cohort: Selection, plan: RecognisablePlan, *, without: int) -> None:
    if (patients := len(cohort.patients)) < FEWEST:
        terms = " with HPO terms that can be used" if without else ""
        raise UsageError(
            f"The cohort has {'only one patient' if patients else 'no patients'}{terms}.",
            "Add the terms of more patients: `gestalt index add patients.csv`, column hpo."
            if without
            else "Select two or more patients.",
        )
    if len(np.unique(units_of(cohort, with_family=plan.with_family))) < FEWEST:
        raise UsageError(
            f"All {patients:,} patients of the cohort are of one family.",
            "Select patients of other families too.",
        )


def _units(
    matched: MatchedControls, plan: RecognisablePlan
) -> tuple[NDArray[np.floating], NDArray[np.bool_], list[Stratum]]:
    """The units of both groups, patients first: descriptors `(u, d)` of unit length, whether each
    is of the patients, and within which strata labels are permuted."""
    means, names = [], []
    for group in (matched.patients, matched.controls):
        units = units_of(group, with_family=plan.with_family)
        mean = unit_means(group.patient_means(), units)
        means.append(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), _SHORTEST))
        names.append(unit_strata(strata_of(group, plan.match), units))
    first = np.repeat([True, False], [len(one) for one in means])
    told = np.concatenate(names)
    places = (np.flatnonzero(told == name) for name in np.unique(told))
    return np.concatenate(means), first, [Stratum(at, int(first[at].sum())) for at in places]


def _group(selection: Selection, units: int) -> ClassifiedGroup:
    return ClassifiedGroup(len(selection.patients), units, len(selection))


def _warnings(matched: MatchedControls, plan: RecognisablePlan) -> tuple[str, ...]:
    found: list[str] = []
    if not {"sex", "age"} <= set(plan.match):
        found.append(
            "Controls are not matched on sex and age, so the classifier may have learnt these "
            "instead of the disorder."
        )
    if "site" not in plan.match:
        names = ("the patients", "the controls")
        found += site_warnings(matched.patients, matched.controls, names=names)
    return tuple(found)
