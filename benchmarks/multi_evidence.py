"""What several photos of a patient are worth, and what abstention does, on simulated patients.

`python -m benchmarks.multi_evidence` simulates a cohort with five photos a patient in the mean and
people without a disorder, at photos of different ages, finds the faces by the built-in detector and
encodes them by the built-in encoder. First every patient is left out in turn, and asked about by
one photo and by all as one, by each aggregation. Then a quarter of each disorder's patients is held
back from the gallery and from its calibration, and asked about beside the people without a
disorder: who is told that there is no close match, and how often the others are told right.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.evaluation.cases import (
    Answers,
    Probes,
    ask,
    find_cases,
    patient_probes,
    photo_probes,
)
from gestalt_space.evaluation.curves import patient_control
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.gallery_results import EvaluationPlan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.evaluation.strata import Facts
from gestalt_space.evaluation.topk import hits_of
from gestalt_space.faces.alignment import align
from gestalt_space.faces.registry import detector_factory
from gestalt_space.gallery.calibration.fitting import fit_calibration
from gestalt_space.ranking.aggregation import AGGREGATIONS
from gestalt_space.ranking.calibration import Calibration, verdict_of
from gestalt_space.ranking.grouping import grouping
from gestalt_space.simulate.cohort import CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate
from gestalt_space.types import Photo
from gestalt_space.weights.store import ModelStore

SEED = 11
DISORDERS = 60
PATIENTS = 480
CONTROLS = 150
PHOTOS = 5.0
HELD_BACK = 4
"""One patient in so many is held back for the second table."""
BOOTSTRAP = Bootstrap(1_000, SEED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--difficulty", default="clinical")
    difficulty = parser.parse_args().difficulty
    data = _simulated(difficulty)
    command = f"python -m benchmarks.multi_evidence --difficulty {difficulty}  # seed {SEED}"
    keep(
        f"multi-evidence-{difficulty}",
        command,
        ("gallery", "asked", "aggregation", "cases", "top-1", "top-5", "top-10", "top-1 − nearest"),
        [*_accuracies("one photo a patient", _thinned(data)), *_accuracies("all photos", data)],
    )
    keep(
        f"abstention-{difficulty}",
        command,
        ("asked", "who", "patients", "no close match", "close match", "top-1", "top-10"),
        list(_abstention(data)),
    )


def _simulated(difficulty: str) -> SpaceData:
    """The cohort's faces as a gallery in the space of the built-in encoder."""
    plan = CohortPlan(
        disorders=DISORDERS,
        patients=PATIENTS,
        controls=CONTROLS,
        photos_per_patient=PHOTOS,
        difficulty=difficulty,
        seed=SEED,
    )
    cohort = draw_cohort(plan, SampledSubjects(Persons.builtin()))
    crops, owners, ages = [], [], []
    people = sorted(cohort.patients, key=lambda patient: patient.id)
    numbers = {patient.id: number for number, patient in enumerate(people)}
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        detector = detector_factory(store, "builtin")[1](1)
        for photo in cohort.photos():
            pixels = np.ascontiguousarray(photo.portrait.pixels)
            if found := detector.find(Photo("", pixels, "", "JPEG")):
                crops.append(align(pixels, max(found, key=lambda face: face.score).landmarks))
                owners.append(numbers[photo.patient.id])
                ages.append(photo.age_years)
        encoder = open_encoder(store.get("builtin"))
        descriptors = encoder.encode(np.stack(crops))[:, 0]
    patient_of_row = np.array(owners)
    disorders = sorted(disorder.id for disorder in cohort.disorders)
    pairs = [
        (number, disorders.index(patient.disorder.id))
        for number, patient in enumerate(people)
        if patient.disorder is not None
    ]
    return SpaceData(
        space="builtin",
        fingerprint=encoder.spec.fingerprint,
        by="disorder",
        descriptors=descriptors,
        patients=tuple(patient.id for patient in people),
        grouping=grouping(np.arange(len(owners)), patient_of_row, np.array(pairs)),
        titles=tuple((id_, "") for id_ in disorders),
        facts=Facts(
            sex=np.array([patient.subject.sex for patient in people]),
            ancestry=np.array([patient.subject.ancestry for patient in people]),
            ages=np.array(ages),
            patient_of_row=patient_of_row,
        ),
        cohorts=np.array(["" if patient.disorder else "controls" for patient in people]),
    )


def _thinned(data: SpaceData) -> SpaceData:
    """With the first photo of each patient alone."""
    _, first = np.unique(data.patient_of_row, return_index=True)
    kept = np.zeros(len(data.patient_of_row), dtype=bool)
    kept[first] = True
    facts = dataclasses.replace(
        data.facts, ages=data.facts.ages[kept], patient_of_row=data.patient_of_row[kept]
    )
    truth = data.grouping
    pairs = np.column_stack([truth.patients[truth.members], truth.groups[truth.group_of_member]])
    return dataclasses.replace(
        data,
        descriptors=data.descriptors[kept],
        grouping=grouping(np.arange(int(kept.sum())), facts.patient_of_row, pairs),
        facts=facts,
    )


def _accuracies(gallery: str, data: SpaceData) -> Iterator[tuple[object, ...]]:
    found = evaluate_gallery([data], EvaluationPlan(bootstrap=BOOTSTRAP))
    result = found.spaces[0]
    differences = {
        one.aggregation: one for one in found.comparisons if (one.k, one.over) == (1, "cases")
    }
    asked = ["one photo", "all photos as one"]
    for which in asked[: 1 if len(data.patient_of_row) == len(data.patients) else 2]:
        for how, figures in result.aggregations.items():
            one = figures.images if which == asked[0] else figures.patients
            beside = differences.get(how)
            text = ""
            if beside is not None and one.cases == figures.patients.cases:
                text = f"{_points(beside.found.difference)}, p {beside.p_held:.4f}"
            tops = [_percent(one.top[k]) for k in (1, 5, 10)]
            yield (gallery, which, how, one.cases, *tops, text)


def _abstention(data: SpaceData) -> Iterator[tuple[object, ...]]:
    truth = data.grouping
    held = np.concatenate(
        [truth.members_of(group)[::HELD_BACK] for group in range(len(truth.groups))]
    )
    asked = truth.patients[np.unique(held)]
    controls = np.setdiff1d(np.arange(len(data.patients)), truth.patients)
    evidence = truth.restricted(~np.isin(data.patient_of_row, [*asked, *controls]))
    calibration = fit_calibration(data.descriptors, evidence, seed=SEED)
    for which, probes_of in (("one photo", photo_probes), ("all photos as one", patient_probes)):
        best = {}
        for who, people in (("held back", asked), ("without a disorder", controls)):
            probes = probes_of(data.descriptors, data.patient_of_row, people)
            cases, _ = find_cases(probes.patients, evidence, truth)
            answers = ask(probes, cases, data.descriptors, evidence, AGGREGATIONS)
            yield from _verdicts(which, who, probes, answers, calibration)
            best[who] = answers.best["nearest"]
        if which == "all photos as one":
            roc = patient_control(*best.values(), BOOTSTRAP)
            assert roc is not None
            one = roc.auroc
            text = f"AUROC {one.value:.2f} ({one.low:.2f}–{one.high:.2f})"
            yield which, f"held back against those without a disorder: {text}", *[""] * 5


def _verdicts(
    which: str,
    who: str,
    probes: Probes,
    answers: Answers,
    calibration: Calibration,
) -> Iterator[tuple[object, ...]]:
    """How the verdicts fall, and the accuracy without abstention and among those answered."""
    best = [calibration.best_percentile(float(score)) for score in answers.best["nearest"]]
    verdicts = np.array([verdict_of(one or 0.0) for one in best])
    count = len(np.unique(probes.patients))
    shares = [
        _share(verdicts == verdict, probes.patients)
        for verdict in ("no close match", "close match")
    ]
    if not len(answers.cases.groups):
        yield which, who, count, *shares, "", ""
        return
    hits = hits_of(answers.ranks["nearest"], (1, 10))
    for name, answered in (
        (f"{who}, all answered", np.ones(len(verdicts), bool)),
        (f"{who}, weak and close ones alone", verdicts != "no close match"),
        (f"{who}, close ones alone", verdicts == "close match"),
    ):
        kept = answered[answers.cases.probes]
        patients = answers.cases.patients[kept]
        tops = [_share(column, patients) for column in hits[kept].T]
        yield which, name, len(np.unique(patients)), *shares, *tops
        shares = ["", ""]


def _share(hits: NDArray[np.bool_], patients: NDArray[np.int64]) -> str:
    """A share of cases, with its interval."""
    owners, place = np.unique(patients, return_inverse=True)
    found, counts = np.bincount(place, hits), np.bincount(place)
    drawn = np.concatenate(
        [(weights @ found) / (weights @ counts) for weights in BOOTSTRAP.weights(len(owners))]
    )
    return _percent(estimate(float(hits.mean()), drawn))


def _percent(one: Estimate) -> str:
    return f"{100 * one.value:.1f} ({100 * one.low:.1f}–{100 * one.high:.1f}) %"


def _points(one: Estimate) -> str:
    return f"{100 * one.value:+.1f} ({100 * one.low:+.1f} to {100 * one.high:+.1f})"


if __name__ == "__main__":
    main()
