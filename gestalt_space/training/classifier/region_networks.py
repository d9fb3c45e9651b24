"""The networks of regions, trained one after the other, and what each says of faces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gestalt_space.atomic_files import make_private_folder, unwritable
from gestalt_space.classifiers.class_layer import ClassLayer, Probabilities
from gestalt_space.devices import Device
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.trainable import TrainableEncoder
from gestalt_space.training.classifier.fitted import by_patient, describe, fit_layer
from gestalt_space.training.classifier.folds import split_of
from gestalt_space.training.classifier.recipe import ClassifierRecipe
from gestalt_space.training.classifier.trunks import Trunks, region_faces, region_recipe
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.loop import Training, train
from gestalt_space.training.space.patient_split import PatientSplit, faces_of
from gestalt_space.types import Crops, Descriptors

REGIONS_FOLDER = "regions"
Log = Callable[[str], None]


@dataclass(frozen=True)
class Workshop:
    """What networks are trained with, and where their checkpoints are."""

    recipe: ClassifierRecipe
    trunks: Trunks
    folder: Path
    computing: Computing
    log: Log

    def network(
        self, region: str, faces: LabelledFaces, split: PatientSplit, name: str = ""
    ) -> TrainableEncoder:
        """The network of a region: fine-tuned on the training part, where the recipe says so, or as
        it was. `faces` show the region. `name`: tells trainings of a region apart. Raises what
        `train` raises."""
        start = self.trunks.open(region)
        if self.recipe.fine_tune:
            place = self.folder / REGIONS_FOLDER / region / name
            try:
                make_private_folder(place)
            except OSError as error:
                raise unwritable(place, error) from error
            recipe = region_recipe(self.recipe, region)
            training = Training(recipe, start, faces, split, place, self.computing, may_stay=True)
            title = " ".join(filter(None, (region, name)))
            train(training, lambda epoch: self.log(f"{title}: {epoch}"))
        return start

    def describe(self, network: TrainableEncoder, crops: Crops) -> Descriptors:
        """Descriptors `(n, d)` of pictures of a region. A network that was not fine-tuned is run as
        matches run it."""
        if self.recipe.fine_tune:
            return describe(network, crops, self.computing)
        device: Device = "cuda" if self.computing.device.type == "cuda" else "cpu"
        plain = replace(network.model, views=())
        return open_encoder(plain, device=device).encode(crops)[:, 0]

    def layer(
        self, descriptors: Descriptors, faces: LabelledFaces, patients: np.ndarray
    ) -> ClassLayer:
        """The class layer fitted to some patients' photos."""
        chosen = faces_of(patients, faces)
        classes, owners = faces.disorder_of_face[chosen], faces.patient_of_face[chosen]
        return fit_layer(descriptors[chosen], classes, owners, self.recipe.ridge)


@dataclass(frozen=True)
class TrainedRegion:
    """A region's network and class layer. A network that is not fine-tuned is the installed one."""

    region: str
    layer: ClassLayer
    network: TrainableEncoder
    is_fine_tuned: bool


def cross_validated(
    workshop: Workshop, faces: LabelledFaces, folds: np.ndarray, region: str
) -> Probabilities:
    """Probabilities `(p, c)` of a region for patients in each part by networks and class layers
    that saw none of that part."""
    shown = region_faces(faces, region, workshop.recipe)
    found = np.empty((len(faces.patients), len(faces.titles)))
    descriptors: Descriptors | None = None
    for fold in range(int(folds.max()) + 1):
        split = split_of(folds, fold, len(faces.titles))
        if descriptors is None or workshop.recipe.fine_tune:
            network = workshop.network(region, shown, split, f"fold-{fold + 1}")
            descriptors = workshop.describe(network, shown.crops)
        held = folds == fold
        layer = workshop.layer(descriptors, faces, np.flatnonzero(~held))
        photos = layer.probabilities(descriptors)
        found[held] = by_patient(photos, faces.patient_of_face, len(found))[held]
    return found
