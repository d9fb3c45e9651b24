"""Whether `gestalt space terms` lists the terms that were planted, and what spaces see of them.

python -m benchmarks.space_terms ../shared

Simulated cohorts, whose patients are other people than those from whom the directions of the terms
are taken; the deformations behind a term are the same. A patient is compared with the patients of
other disorders, a disorder with those of all others. A term counts as planted from a strength of
one standard deviation in a patient, and of 0.5 on the mean in a disorder's patients.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from benchmarks.table import keep
from gestalt_space.descriptors import to_descriptors
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import FaceError
from gestalt_space.explain.gallery_terms import PLAN
from gestalt_space.explain.space_probe import ProbedSpace, encode_faces, probe_space
from gestalt_space.explain.term_likeness import TermScale
from gestalt_space.faces.detection import Detector, find_faces
from gestalt_space.faces.registry import detector_factory
from gestalt_space.simulate.cohort import Cohort, CohortPlan, draw_cohort
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.subjects import SampledSubjects
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap, estimate
from gestalt_space.types import Crops, Photo
from gestalt_space.weights.store import ModelStore

SEED, DISORDERS, PATIENTS = 101, 40, 320
FIRST = 3
PLANTED, PLANTED_ON_THE_MEAN = 1.0, 0.5
Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    shared = parser.parse_args().shared
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        detector = detector_factory(store, "builtin")[1](1)
        store.add(shared / "models/arcface-mbf", name="mbf", accept_license=True)
        encoders = {name: open_encoder(store.get(name)) for name in ("builtin", "mbf")}
        faces = encode_faces(PLAN, detector, list(encoders.values()))
        rows: list[Sequence[object]] = []
        for difficulty in ("textbook", "clinical", "subtle"):
            plan = CohortPlan(
                disorders=DISORDERS, patients=PATIENTS, difficulty=difficulty, seed=SEED
            )
            cohort = draw_cohort(plan, SampledSubjects(Persons.builtin()))
            crops = _crops(cohort, detector)
            for (name, encoder), one in zip(encoders.items(), faces, strict=True):
                means = _means(crops, encoder)
                rows += _measured(difficulty, name, cohort, list(crops), means, one.directions())
    keep(
        "space-terms",
        f"python -m benchmarks.space_terms ../shared (seed {SEED})",
        (
            *("cohort", "space", "asked about", "n"),
            "planted before others, % (95 % interval)",
            f"of the first {FIRST}, planted, %",
            "planted of all, %",
        ),
        rows,
    )
    effects = [probe_space(one, Bootstrap()) for one in faces]
    keep(
        "space-probe",
        f"python -m benchmarks.space_terms ../shared (seed {PLAN.seed}, strength "
        f"{PLAN.strength:g})",
        ("term", *(f"effect in {name} (95 % interval)" for name in encoders)),
        [
            (label, *(_interval(_effect(found, term)) for found in effects))
            for term, label in [
                *((term, TERMS[term].label) for term in effects[0].terms_in_order),
                ("", "another photo of the same person"),
            ]
        ],
    )


def _effect(found: ProbedSpace, term: str) -> Estimate:
    return (found.terms[term] if term else found.another_photo).effect


def _crops(cohort: Cohort, detector: Detector) -> dict[str, Crops]:
    """The aligned faces of each patient with a disorder in whose photos one was found."""
    found: dict[str, list[NDArray[np.uint8]]] = {}
    for photo in cohort.photos():
        if photo.patient.disorder is None:
            continue
        pixels = np.ascontiguousarray(photo.portrait.pixels)
        try:
            face = find_faces(Photo("", pixels, "", "JPEG"), detector)[0]
        except FaceError:
            continue
        found.setdefault(photo.patient.id, []).append(face.crop)
    return {patient: np.stack(crops) for patient, crops in found.items()}


def _means(crops: dict[str, Crops], encoder: Encoder) -> Floats:
    return np.stack(
        [
            to_descriptors(encoder.encode(one)).mean(axis=0, dtype=np.float64)
            for one in crops.values()
        ]
    )


def _measured(
    difficulty: str,
    name: str,
    cohort: Cohort,
    patients: list[str],
    means: Floats,
    directions: Floats,
) -> list[Sequence[object]]:
    known = {patient.id: patient for patient in cohort.patients}
    terms = tuple(TERMS)
    strengths = np.array([[known[p].strengths.get(t, 0.0) for t in terms] for p in patients])
    disorders = np.array([known[p].disorder.id for p in patients])  # type: ignore[union-attr]
    of_patients, of_disorders = [], []
    for disorder in np.unique(disorders):
        own = disorders == disorder
        scale = TermScale(means[~own], directions, terms)
        of_patients += [
            _agreement(scale, mean, shown >= PLANTED)
            for mean, shown in zip(means[own], strengths[own], strict=True)
        ]
        shown = strengths[own].mean(axis=0) >= PLANTED_ON_THE_MEAN
        of_disorders.append(_agreement(scale, means[own].mean(axis=0), shown))
    return [
        (difficulty, name, what, *_row([one for one in found if one is not None]))
        for what, found in (("patients", of_patients), ("disorders", of_disorders))
    ]


def _agreement(
    scale: TermScale, descriptor: Floats, planted: NDArray[np.bool_]
) -> tuple[float, float, float] | None:
    """AUROC of planted against other terms, the share of planted ones among the first, and among
    all; None where nothing is planted."""
    if not planted.any():
        return None
    found = scale.likeness(descriptor)
    truth = dict(zip(TERMS, planted, strict=True))
    hits = [bool(truth[one.term]) for one in found]
    area = roc_auc_score(hits, [one.deviations for one in found])
    return float(area), float(np.mean(hits[:FIRST])), float(planted.mean())


def _row(found: list[tuple[float, float, float]]) -> tuple[object, ...]:
    values = np.array(found)
    drawn = np.concatenate([weights @ values for weights in Bootstrap().weights(len(values))])
    area = estimate(values[:, 0].mean(), drawn[:, 0] / len(values))
    return (
        len(values),
        _interval(Estimate(100 * area.value, 100 * area.low, 100 * area.high), 1),
        f"{100 * values[:, 1].mean():.0f}",
        f"{100 * values[:, 2].mean():.0f}",
    )


def _interval(one: Estimate, digits: int = 2) -> str:
    return f"{one.value:.{digits}f} ({one.low:.{digits}f} to {one.high:.{digits}f})"


if __name__ == "__main__":
    main()
