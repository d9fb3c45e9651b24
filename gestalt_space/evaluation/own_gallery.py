"""Evaluation of the user's own gallery: every patient is left out in turn, or a split is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import GalleryError, UsageError
from gestalt_space.evaluation.cases import (
    Cases,
    Probes,
    ask,
    find_cases,
    patient_probes,
    photo_probes,
)
from gestalt_space.evaluation.comparisons import between_aggregations, between_spaces
from gestalt_space.evaluation.curves import patient_control, same_different
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.gallery_results import (
    AggregationResult,
    EvaluationCounts,
    EvaluationPlan,
    GalleryEvaluation,
    SpaceResult,
    Untested,
)
from gestalt_space.evaluation.measuring import AccuracyEstimator, ranked
from gestalt_space.evaluation.paired import adjust_comparisons
from gestalt_space.evaluation.split import EvaluationSplit
from gestalt_space.evaluation.strata import stratify
from gestalt_space.evaluation.units import draw_units
from gestalt_space.gallery.calibration.fitting import fit_calibration
from gestalt_space.progress import Stages, adding_up, followed, no_stages
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.stats.resampling import FEWEST_REPLICATES, MOST_REPLICATES


def evaluate_gallery(
    spaces: Sequence[SpaceData], plan: EvaluationPlan, *, stages: Stages = no_stages
) -> GalleryEvaluation:
    """Evaluate a gallery in one or more spaces, with the same plan.

    Raises `UsageError` for too few replicates or a cohort without a control, `GalleryError` if no
    disorder can be tested.
    """
    if plan.bootstrap.replicates > MOST_REPLICATES:
        raise UsageError(
            f"{plan.bootstrap.replicates} bootstrap draws are too many.",
            f"Give at most {MOST_REPLICATES}; 1000 are usual.",
        )
    if plan.bootstrap.replicates < FEWEST_REPLICATES:
        raise UsageError(
            f"{plan.bootstrap.replicates} bootstrap draws are too few for an interval.",
            f"Give {FEWEST_REPLICATES} or more; 1000 are usual.",
        )
    results = tuple(_evaluate(data, plan, stages) for data in spaces)
    compared = followed(results, stages("Comparing aggregations", "spaces"))
    comparisons = [one for result in compared for one in between_aggregations(result, plan)]
    for other in followed(results[1:], stages("Comparing spaces", "spaces")):
        comparisons += between_spaces(other, results[0], plan)
    return GalleryEvaluation(plan, results, adjust_comparisons(comparisons))


def _evaluate(data: SpaceData, plan: EvaluationPlan, stages: Stages) -> SpaceResult:
    probes, evidence = _parts(data, plan)
    controls = _controls(data, plan.controls)
    of_photos = photo_probes(data.descriptors, data.patient_of_row, probes)
    of_patients = patient_probes(data.descriptors, data.patient_of_row, probes)
    photo_cases, _ = find_cases(of_photos.patients, evidence, data.grouping)
    cases, untestable = find_cases(of_patients.patients, evidence, data.grouping)
    if not len(cases.groups):
        raise _nothing_to_test(data, plan)
    of_controls = patient_probes(data.descriptors, data.patient_of_row, controls)
    whole = sum(len(one.patients) for one in (of_photos, of_patients, of_controls))
    asking = partial(
        ask,
        descriptors=data.descriptors,
        evidence=evidence,
        aggregations=plan.aggregations,
        chance=_chance(data, evidence, plan),
        progress=adding_up(stages(f"Asking {data.space}", "probes"), whole),
    )
    units = draw_units(data.grouping, data.families, _roles(data, plan.split))
    images = asking(of_photos, photo_cases, units=units)
    answers = asking(of_patients, cases, histograms=True, units=units)
    nobody, _ = find_cases(of_controls.patients, evidence, data.grouping)
    unaffected = asking(of_controls, nobody)
    first = plan.aggregations[0]
    measuring = AccuracyEstimator(units, data.families, plan.bootstrap)
    measured = stages(f"Measuring {data.space}", "aggregations")
    return SpaceResult(
        data=data,
        counts=_counts(data, plan, evidence, (of_photos, photo_cases), cases, len(controls)),
        untested=_untested(data, untestable, cases),
        aggregations={
            how: AggregationResult(
                measuring.accuracy(ranked(images, of_photos.rows, how)),
                measuring.accuracy(ranked(answers, of_patients.rows, how)),
                same_different(answers, how, plan.bootstrap),
                patient_control(_finite(answers.best[how]), unaffected.best[how], plan.bootstrap),
            )
            for how in followed(plan.aggregations, measured)
        },
        strata=stratify(
            ranked(images, of_photos.rows, first),
            ranked(answers, of_patients.rows, first),
            data.facts,
            measuring,
        ),
        answers=answers,
    )


def _chance(data: SpaceData, evidence: Grouping, plan: EvaluationPlan) -> Chance | None:
    """The similarities expected by chance in the evidence, if an aggregation needs them."""
    if "calibrated" not in plan.aggregations:
        return None
    return Chance.of(fit_calibration(data.descriptors, evidence, seed=plan.bootstrap.seed))


def _parts(data: SpaceData, plan: EvaluationPlan) -> tuple[Numbers, Grouping]:
    """The numbers of the diagnosed patients who are tested, and the evidence."""
    split, everybody = plan.split, data.grouping
    if plan.with_family:
        everybody = replace(everybody, family_numbers=None)
    if split is None:
        return everybody.patients, everybody
    if not plan.with_family:
        _check_families(data, split)
    in_gallery, in_test = (
        np.array([patient in part for patient in data.patients], dtype=bool)
        for part in (split.gallery, split.test)
    )
    probes = data.grouping.patients[in_test[data.grouping.patients]]
    return probes, everybody.restricted(in_gallery[data.patient_of_row])


def _check_families(data: SpaceData, split: EvaluationSplit) -> None:
    """Raises `UsageError` for a family in both parts of a split."""
    of: dict[int, str] = {
        int(family): patient
        for patient, family in zip(data.patients, data.families, strict=True)
        if patient in split.gallery
    }
    for patient, family in zip(data.patients, data.families, strict=True):
        other = of.get(int(family))
        if patient in split.test and other is not None:
            raise UsageError(
                f"{split.name}: patients {patient} (test) and {other} (gallery) are of one family.",
                "Put each family into one part: relatives look alike even without a common "
                "disorder.",
            )


def _with_relatives(data: SpaceData, probes: Numbers, evidence: Grouping) -> int:
    """How many of some patients have relatives in the evidence."""
    families = data.families
    counts = np.bincount(families[evidence.patients], minlength=int(families.max(initial=0)) + 1)
    own = np.isin(probes, evidence.patients)
    return int(np.count_nonzero(counts[families[probes]] > own))


def _roles(data: SpaceData, split: EvaluationSplit | None) -> Numbers | None:
    """`(p,)`: 1 for patients whom a split tests, 2 for those who are its evidence."""
    if split is None:
        return None
    names = data.patients
    return np.array([(one in split.test) + 2 * (one in split.gallery) for one in names])


def _finite(best: NDArray[np.float32]) -> NDArray[np.float32]:
    """The scores of those for whom something could be ranked."""
    return best[np.isfinite(best)]


def _controls(data: SpaceData, cohort: str | None) -> Numbers:
    if cohort is None:
        return np.zeros(0, dtype=np.int64)
    inside = np.flatnonzero(np.char.lower(data.cohorts) == cohort.lower())
    undiagnosed = np.setdiff1d(inside, data.grouping.patients)
    if not len(undiagnosed):
        why = (
            f"all its {len(inside)} patients are diagnosed" if len(inside) else "it has no patients"
        )
        raise UsageError(
            f"The cohort {cohort!r} has no control: {why}.",
            "Controls are patients without a disorder; see `gestalt index list --cohort NAME`.",
        )
    return undiagnosed


def _counts(
    data: SpaceData,
    plan: EvaluationPlan,
    evidence: Grouping,
    photos: tuple[Probes, Cases],
    cases: Cases,
    controls: int,
) -> EvaluationCounts:
    split = plan.split
    diagnosed = [data.patients[number] for number in data.grouping.patients]
    named = frozenset() if split is None else split.gallery | split.test
    asked = np.unique(cases.patients)
    return EvaluationCounts(
        evidence_patients=len(evidence.patients),
        evidence_photos=len(evidence.rows),
        evidence_disorders=len(evidence.groups),
        asked_patients=len(asked),
        asked_photos=len(np.unique(photos[1].probes)),
        asked_disorders=len(np.unique(cases.groups)),
        with_relatives=_with_relatives(data, asked, evidence),
        undiagnosed=len(data.patients) - len(diagnosed),
        controls=controls,
        aside=0 if split is None else sum(patient not in named for patient in diagnosed),
        trained_on=sum(data.patients[int(one)] in data.trained_on for one in asked),
    )


def _untested(data: SpaceData, untestable: Cases, cases: Cases) -> tuple[Untested, ...]:
    """Disorders for which no patient could be tested."""
    groups = np.setdiff1d(untestable.groups, cases.groups)
    counts = data.grouping.patient_counts[np.searchsorted(data.grouping.groups, groups)]
    return tuple(
        Untested(*data.titles[int(group)], int(count))
        for group, count in zip(groups, counts, strict=True)
    )


def _nothing_to_test(data: SpaceData, plan: EvaluationPlan) -> GalleryError:
    if plan.split is not None:
        return GalleryError(
            f"In {plan.split.name}, no patient of part test shares a {data.by} with a patient of "
            "part gallery.",
            "Put patients with the same disorder into both parts.",
        )
    return GalleryError(
        f"No {data.by} of the gallery has patients of two families, so no patient can be left out "
        "and found again.",
        "Add patients who share a diagnosis: `gestalt index add patients.csv`.",
    )
