"""A classifier of all frequent disorders of a gallery: `gestalt train multiclass`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.classifiers.region_ensemble import average
from gestalt_space.errors import UsageError
from gestalt_space.evaluation.split_file import PARTS, TEST, TRAINING, VALIDATION
from gestalt_space.training.classifier.card import card_of
from gestalt_space.training.classifier.fitted import by_patient, top_probabilities
from gestalt_space.training.classifier.labels import Labelled, read_disorders
from gestalt_space.training.classifier.model_folder import Weighted, write_classifier
from gestalt_space.training.classifier.plan import Plan, class_counts
from gestalt_space.training.classifier.region_networks import TrainedRegion, Workshop
from gestalt_space.training.classifier.results import MulticlassResult
from gestalt_space.training.classifier.run_folder import MODEL, write_log
from gestalt_space.training.classifier.tops import top_shares
from gestalt_space.training.classifier.trunks import region_faces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.patient_split import (
    PatientSplit,
    faces_of,
    read_split,
    split_patients,
    split_rows,
)
from gestalt_space.weights.classifier_facts import ClassifierFacts, Measured


def train_multiclass(plan: Plan, split: Path | None = None) -> MulticlassResult:
    """Train a network and a class layer for each region, weigh the regions by the validation
    patients, and measure the mean on the test patients. `split`: as in `read_split`.

    Raises `UsageError` where nobody is left to test, and what `read_disorders`, `split_patients`,
    `read_split` and the loop raise.
    """
    recipe = plan.recipe
    labelled = read_disorders(plan.home, leave_out_single=recipe.leave_out_single)
    parts = (
        read_split(split, labelled.faces)
        if split is not None
        else split_patients(
            labelled.faces,
            frequent=recipe.frequent,
            validation=recipe.validation,
            test=recipe.test,
            seed=recipe.seed,
        )
    )
    _check_tested(labelled, parts)
    workshop = plan.begin()
    plan.tell(labelled, workshop, "disorders")
    faces = labelled.faces
    plan.log(f"{len(parts.classes)} disorders to train, {_rare(labelled, parts)} rare")
    plan.write_split(faces.patients, split_rows(parts, faces))
    return _trained(plan, workshop, labelled, parts)


def _trained(
    plan: Plan, workshop: Workshop, labelled: Labelled, split: PatientSplit
) -> MulticlassResult:
    faces, recipe = labelled.faces, plan.recipe
    # Class layers count classes from 0; the disorders of a gallery are more.
    numbered = replace(faces, disorders=np.searchsorted(split.classes, faces.disorders))
    trained = split.trained(faces)
    regions, photos = [], []
    for region in recipe.region_names:
        shown = region_faces(faces, region, recipe)
        network = workshop.network(region, shown, split)
        descriptors = workshop.describe(network, shown.crops)
        layer = workshop.layer(descriptors, numbered, trained)
        photos.append(layer.probabilities(descriptors))
        regions.append(TrainedRegion(region, layer, network, recipe.fine_tune))
        plan.log(f"{region}: done")
    by_region = np.stack(photos, axis=1)
    patients = by_patient(by_region, faces.patient_of_face, len(faces.patients))
    known = np.isin(faces.disorders, split.classes)
    numbers = numbered.disorders
    validating = np.flatnonzero(known & (split.parts == VALIDATION))
    weights = plan.weights(patients[validating], numbers[validating])
    figures = plan.figures(patients[validating], numbers[validating], weights)
    tested = faces_of(np.flatnonzero(known & (split.parts == TEST)), faces)
    owners = faces.patient_of_face[tested]
    everybody = average(patients, weights.tolist())
    result = MulticlassResult(
        model=plan.folder / MODEL,
        recipe=recipe,
        classes=class_counts(labelled, split.classes),
        left_out=faces.left_out,
        regions=figures,
        known=top_probabilities(everybody[known & (split.parts == TEST)]),
        unknown=top_probabilities(everybody[~known & (split.parts != TRAINING)]),
        tops=top_shares(
            average(by_region[tested], weights.tolist()),
            numbers[owners],
            faces.families[owners],
            recipe.seed,
        ),
        parts=_counts(faces, split, known),
        rare_parts=_counts(faces, split, ~known),
        rare=_rare(labelled, split),
    )
    write_log(plan.folder, figures)
    facts = ClassifierFacts(
        experiment="multiclass",
        subject="",
        classes=tuple(labelled.answers[number] for number in split.classes),
        view=recipe.view,
        regions=(),
        layers="",
        threshold=None,
        known=result.known,
        unknown=result.unknown,
        measured=Measured(top1=result.tops[0].photos.value, chance=result.tops[0].chance),
    )
    card = card_of(
        plan.name, result, faces, regions[0].network.model, str(workshop.computing), trained
    )
    shares = dict(zip(recipe.region_names, weights.tolist(), strict=True))
    seen = np.flatnonzero(known & np.isin(split.parts, (TRAINING, VALIDATION)))
    write_classifier(
        result.model,
        plan.name,
        plan.recipe.model,
        facts,
        Weighted(regions, shares),
        card,
        mark=partial(plan.mark, [faces.patients[number] for number in seen]),
    )
    return result


def _counts(
    faces: LabelledFaces, split: PatientSplit, chosen: NDArray[np.bool_]
) -> dict[str, tuple[int, int]]:
    """Patients and photos of each part, of the chosen patients `(p,)`."""
    counts = {}
    for part, name in enumerate(PARTS):
        patients = np.flatnonzero(chosen & (split.parts == part))
        counts[name] = len(patients), len(faces_of(patients, faces))
    return counts


def _rare(labelled: Labelled, split: PatientSplit) -> int:
    return len(labelled.faces.titles) - len(split.classes)


def _check_tested(labelled: Labelled, split: PatientSplit) -> None:
    known = np.isin(labelled.faces.disorders, split.classes)
    for part, name in ((VALIDATION, "validate"), (TEST, "test")):
        if not np.any(known & (split.parts == part)):
            raise UsageError(
                f"Nobody with a disorder that is trained is left to {name} the classifier.",
                "Use test and validation above 0, or give another --split.",
            )
