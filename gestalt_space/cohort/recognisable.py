"""Can the face alone tell the patients of a cohort from others? (The question of PhenoScore,
Dingemans 2023.)

A classifier learns descriptors of patients and matched controls, and is asked about families that
it was not trained on. Its Brier score is compared with those after labels are permuted over
families within matched strata; then p is uniform if the faces do not differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.controls import MatchedControls, matched_controls
from gestalt_space.cohort.families import (
    site_warnings,
    unit_means,
    unit_strata,
    unit_word,
    units_of,
)
from gestalt_space.cohort.patients import Fact, check_same_space, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
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
FEWEST = 2

_LEAST_LEVEL = 0.05
_SHORTEST = 1e-12


@dataclass(frozen=True)
class RecognisablePlan:
    """What controls have in common with patients, how many there are for each, how often labels are
    permuted, and the seed. `with_family`: all patients count as unrelated."""

    match: tuple[Fact, ...] = MATCH
    controls: int = 1
    permutations: int = PERMUTATIONS
    seed: int = 0
    with_family: bool = False

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
class Recognisable:
    """Whether patients are told from controls by the face.

    `patients`, `controls`: who is compared. `unknown`: patients who are excluded because a value to
    match on is not known; `unmatched`: those without enough controls; `relatives`: patients who are
    not controls because they are relatives. `brier`: of families that the classifier was not
    trained on, 0..1, lower is better; `shuffled_brier` and `shuffled_sd`: mean and standard
    deviation after labels are permuted. `p`: one-sided, (b + 1)/(m + 1). `auroc`: 0.5 is chance.
    `warnings`: what cannot be concluded, in sentences.
    """

    patients: ClassifiedGroup
    controls: ClassifiedGroup
    unknown: int
    unmatched: int
    relatives: int
    classifier: Classifier
    folds: int
    brier: float
    shuffled_brier: float
    shuffled_sd: float
    p: float
    auroc: Estimate
    warnings: tuple[str, ...]
    plan: RecognisablePlan


def recognisable(
    cohort: Selection,
    gallery: Selection,
    plan: RecognisablePlan = USUAL_PLAN,
    *,
    stages: Stages = no_stages,
) -> Recognisable:
    """Whether a classifier tells the patients of a cohort from matched controls, who are any of the
    gallery's patients outside the cohort and its families.

    Raises `UsageError` for a cohort of fewer than two patients or families, if nobody can be
    matched, and if there are too few permutations for a p of 0.05; `SpaceMismatch` for different
    spaces.
    """
    check_same_space(cohort, gallery)
    _check_enough(cohort, plan)
    matched = matched_controls(
        cohort,
        gallery,
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
    asked = HeldOut.of(means, first, numbers, (plan.seed, 2))
    probabilities = asked.probabilities(first)
    observed = brier(probabilities, first)
    progress = stages("Permuting labels", "permutations")
    shuffled, areas = np.empty((2, plan.permutations))
    blocks = draw_groups(
        np.random.default_rng([plan.seed, 3]), strata, len(first), plan.permutations
    )
    for done, row in enumerate(row for block in blocks for row in block):
        labels = row.astype(bool)
        given = asked.probabilities(labels)
        shuffled[done], areas[done] = brier(given, labels), area(given, labels)
        progress(done + 1, plan.permutations)
    return Recognisable(
        patients=_group(matched.patients, int(first.sum())),
        controls=_group(matched.controls, int(np.sum(~first))),
        unknown=matched.unknown,
        unmatched=matched.unmatched,
        relatives=matched.relatives,
        classifier=asked.classifier,
        folds=asked.folds,
        brier=observed,
        shuffled_brier=float(shuffled.mean()),
        shuffled_sd=float(shuffled.std(ddof=1)),
        p=p_value(-observed, -shuffled),
        auroc=area_under_curve(probabilities, first, areas),
        warnings=_warnings(matched, plan),
        plan=plan,
    )


def _check_enough(cohort: Selection, plan: RecognisablePlan) -> None:
    if (patients := len(cohort.patients)) < FEWEST:
        raise UsageError(
            "The cohort has only one patient." if patients else "The cohort has no patients.",
            "Select two or more patients.",
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
