"""Cross-validation by family: probabilities by classifiers that saw no relative, and the classifier
of everybody that is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gestalt_space.classifiers.class_layer import Probabilities
from gestalt_space.classifiers.region_ensemble import average
from gestalt_space.training.classifier.card import card_of
from gestalt_space.training.classifier.fitted import by_patient, top_probabilities
from gestalt_space.training.classifier.folds import split_of
from gestalt_space.training.classifier.labels import Labelled
from gestalt_space.training.classifier.model_folder import Weighted, write_classifier
from gestalt_space.training.classifier.plan import Plan
from gestalt_space.training.classifier.region_networks import (
    TrainedRegion,
    Workshop,
    cross_validated,
)
from gestalt_space.training.classifier.results import ClassifierResult
from gestalt_space.training.classifier.run_folder import write_log
from gestalt_space.training.classifier.trunks import region_faces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.types import Crops
from gestalt_space.weights.classifier_facts import (
    ClassifierFacts,
    Experiment,
    Measured,
    TopProbabilities,
)

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class CrossFitted:
    """`by_region` `(p, r, c)`: probabilities of patients by networks and class layers of other
    folds. `weights` `(f, r)`: of regions, for the patients of each fold, from those of all others;
    `final_weights` `(r,)` from all. `probabilities` `(p, c)`: the mean over regions, with weights
    from other folds."""

    by_region: Probabilities
    weights: Floats
    final_weights: Floats
    probabilities: Probabilities


def cross_fit(plan: Plan, workshop: Workshop, faces: LabelledFaces, folds: Numbers) -> CrossFitted:
    """Train all regions on all folds but one, each in turn."""
    parts = []
    for region in plan.recipe.region_names:
        parts.append(cross_validated(workshop, faces, folds, region))
        plan.log(f"{region}: cross-validated")
    return combined(plan, np.stack(parts, axis=1), faces.disorders, folds)


def combined(plan: Plan, by_region: Probabilities, classes: Numbers, folds: Numbers) -> CrossFitted:
    """The mean over regions, of each fold with weights from the others."""
    weights = np.empty((int(folds.max()) + 1, by_region.shape[1]))
    mean = np.empty((len(by_region), by_region.shape[2]))
    for fold in range(len(weights)):
        held = folds == fold
        weights[fold] = plan.weights(by_region[~held], classes[~held])
        mean[held] = average(by_region[held], weights[fold].tolist())
    return CrossFitted(by_region, weights, plan.weights(by_region, classes), mean)


@dataclass(frozen=True)
class Everybody:
    """The regions of the classifier that is written; `known`, `unknown` as in `ClassifierFacts`."""

    regions: Sequence[TrainedRegion]
    known: TopProbabilities | None
    unknown: TopProbabilities | None


def train_everybody(
    plan: Plan, workshop: Workshop, labelled: Labelled, folds: Numbers, crossed: CrossFitted
) -> Everybody:
    """Train all regions on all patients, and ask them about patients with none of the classes."""
    faces, others = labelled.faces, labelled.others
    split = split_of(folds, None, len(faces.titles))
    regions, asked = [], []
    for region in plan.recipe.region_names:
        shown = region_faces(faces, region, plan.recipe)
        network = workshop.network(region, shown, split, "all")
        descriptors = workshop.describe(network, shown.crops)
        layer = workshop.layer(descriptors, faces, np.arange(len(faces.patients)))
        regions.append(TrainedRegion(region, layer, network, plan.recipe.fine_tune))
        if others is not None:
            pictures: Crops = region_faces(others, region, plan.recipe).crops
            asked.append(layer.probabilities(workshop.describe(network, pictures)))
        plan.log(f"{region}: trained on all patients")
    unknown = None
    if others is not None:
        photos = average(np.stack(asked, axis=1), crossed.final_weights.tolist())
        unknown = top_probabilities(
            by_patient(photos, others.patient_of_face, len(others.patients))
        )
    return Everybody(regions, top_probabilities(crossed.probabilities), unknown)


def write_crossed(
    plan: Plan,
    workshop: Workshop,
    labelled: Labelled,
    trained: Everybody,
    result: ClassifierResult,
    experiment: Experiment,
    measured: Measured,
    threshold: float | None = None,
) -> None:
    """Write the log and the model folder. Raises `OutputError`."""
    write_log(plan.folder, result.regions)
    facts = ClassifierFacts(
        experiment=experiment,
        subject=labelled.subject,
        classes=labelled.answers,
        view=plan.recipe.view,
        regions=(),
        layers="",
        threshold=threshold,
        known=result.known,
        unknown=result.unknown,
        measured=measured,
    )
    model = trained.regions[0].network.model
    everybody = np.arange(len(labelled.faces.patients))
    card = card_of(plan.name, result, labelled.faces, model, str(workshop.computing), everybody)
    weights = {one.region: one.weight for one in result.regions}
    write_classifier(
        result.model,
        plan.name,
        plan.recipe.model,
        facts,
        Weighted(trained.regions, weights),
        card,
        mark=partial(plan.mark, labelled.faces.patients),
    )
