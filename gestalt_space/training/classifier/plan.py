"""What every training of a classifier is given, and what it begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gestalt_space.atomic_files import write_atomically
from gestalt_space.classifiers.class_layer import Probabilities
from gestalt_space.classifiers.opening import fingerprint_of
from gestalt_space.devices import Device
from gestalt_space.settings import load_settings
from gestalt_space.training.classifier.fitted import region_weights
from gestalt_space.training.classifier.labels import Labelled
from gestalt_space.training.classifier.recipe import ClassifierRecipe
from gestalt_space.training.classifier.region_networks import Workshop
from gestalt_space.training.classifier.results import ClassCounts, RegionFigures
from gestalt_space.training.classifier.run_folder import SPLIT, open_run_folder
from gestalt_space.training.classifier.trunks import (
    PRETRAINING,
    installed_trunks,
    pretrained_trunks,
)
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.gallery_faces import GalleryFaces
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore

Log = Callable[[str], None]
_LEAST = 1e-12


@dataclass(frozen=True)
class Plan:
    """A recipe, the home whose gallery is used, the new folder, where it is computed, how many
    processes prepare photos, and what takes its log."""

    recipe: ClassifierRecipe
    home: Path | None
    folder: Path
    device: Device = "auto"
    log: Log = lambda _: None

    @property
    def name(self) -> str:
        """The name of the model in its folder."""
        return self.folder.resolve().name

    def begin(self) -> Workshop:
        """Open the folder and the networks; make them where that is to be done first.

        Raises `OutputError`, `DeviceUnavailable`, `DatabaseError` for a gallery in which nothing
        can be noted, and what `open_trainable` raises.
        """
        GalleryFaces(self.home).require_writable()
        computing = Computing.on(self.device)
        computing.repeatable()
        store = ModelStore(load_settings(self.home).models_dir)
        trunks = installed_trunks(store, self.recipe)
        open_run_folder(self.folder)
        if trunks is None:
            place = self.folder / PRETRAINING
            place.mkdir(exist_ok=True)
            trunks = pretrained_trunks(self.recipe, place, computing, self.log)
        return Workshop(self.recipe, trunks, self.folder, computing, self.log)

    def write_split(self, patients: Sequence[str], table: bytes) -> None:
        """Write which part each of the patients is in, once the gallery's audit trail has a note of
        whom the folder holds. Raises `OutputError` and `DatabaseError`."""
        place = self.folder / SPLIT
        if not place.is_file() or place.read_bytes() != table:
            GalleryFaces(self.home).mark(patients, self.folder)
        write_atomically(place, table)

    def mark(self, patients: Sequence[str], model: InstalledModel) -> None:
        """Note in the gallery's audit trail on whom a classifier was trained. Raises
        `DatabaseError`."""
        fingerprint = fingerprint_of(model)
        GalleryFaces(self.home).mark(patients, self.folder, classifier=fingerprint)

    def tell(self, labelled: Labelled, workshop: Workshop, what: str = "classes") -> None:
        """Tell who is there, and who is left out. `what`: they are divided into."""
        faces = labelled.faces
        self.log(
            f"{len(faces.crops)} photos of {len(faces.patients)} patients, "
            f"{len(faces.titles)} {what}; {workshop.computing}"
        )
        for reason, count in faces.left_out.items():
            self.log(f"left out: {count} patients {reason}")

    def weights(self, by_region: Probabilities, classes: np.ndarray) -> np.ndarray:
        """The weights `(r,)` of regions, by probabilities `(p, r, c)` of patients who were not
        trained on."""
        regions = by_region.shape[1]
        if self.recipe.region_weights == "equal":
            return np.full(regions, 1 / regions)
        return region_weights(by_region, classes)

    def figures(
        self, by_region: Probabilities, classes: np.ndarray, weights: np.ndarray
    ) -> tuple[RegionFigures, ...]:
        """The figures of each region, on patients `(p, r, c)` who were not trained on."""
        found = []
        counts = np.bincount(classes)
        even = 1 / (np.count_nonzero(counts) * counts[classes])
        for place, region in enumerate(self.recipe.region_names):
            own = by_region[:, place]
            hits = own.argmax(axis=1) == classes
            true = np.maximum(own[np.arange(len(classes)), classes], _LEAST)
            found.append(
                RegionFigures(
                    region,
                    float(hits @ even),
                    float(-np.log(true) @ even),
                    float(weights[place]),
                )
            )
        return tuple(found)


def class_counts(labelled: Labelled, classes: np.ndarray | None = None) -> tuple[ClassCounts, ...]:
    """Patients, families and photos of each class; of some of them, where numbers are given."""
    faces: LabelledFaces = labelled.faces
    photos = np.bincount(faces.disorder_of_face, minlength=len(faces.titles))
    chosen = range(len(faces.titles)) if classes is None else classes.tolist()
    found = []
    for number in chosen:
        mine = faces.disorders == number
        families = len(np.unique(faces.families[mine]))
        answer = labelled.answers[number]
        found.append(ClassCounts(answer, int(mine.sum()), families, int(photos[number])))
    return tuple(found)
