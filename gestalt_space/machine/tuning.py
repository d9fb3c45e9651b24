"""Which faces a model is tuned on, and what they are compared with; `encoders.tuning` measures."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gestalt_space.devices import Device
from gestalt_space.encoders.precision import fast_precisions, torch_device
from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.tuning import PrecisionMeasurement, ReferenceFaces, tune
from gestalt_space.errors import GraphUnknown, NoFace, PhotoDamaged
from gestalt_space.faces.alignment import align
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.intake.folders import photos_in
from gestalt_space.gallery.models import OpenModels
from gestalt_space.gallery.opened import photo_limits
from gestalt_space.gallery.pipeline import PhotoSource, find_all_faces
from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.home import Gallery
from gestalt_space.settings import Settings
from gestalt_space.simulate.persons import Persons
from gestalt_space.store import reads
from gestalt_space.types import Crops, Pixels
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore

MOST_FACES = 128
SIMULATED_FACES = 64
SEED = 0
EACH_OTHER = "each other"


@dataclass(frozen=True, slots=True)
class TuningFaces:
    """Aligned faces and what they are compared with, each other where `compared` is None; and the
    words for both."""

    crops: Crops
    faces: str
    compared: ReferenceFaces | None
    compared_with: str


def tuning_faces(
    settings: Settings, model: InstalledModel, folder: Path | None = None, detector: str = "auto"
) -> TuningFaces:
    """The faces of a folder's photos; else of the gallery; else those of simulated persons.

    They are compared with the gallery's descriptors, where it has some in the model's space.
    At most `MOST_FACES`. Raises `NoFace` for a folder without a face, and what opening the gallery
    and the detector raises.
    """
    snapshot, kept = _of_gallery(settings, model)
    if folder is not None:
        crops = _of_folder(settings, folder, detector)
        if not len(crops):
            raise NoFace(f"No face was found in {folder.name}.", "Choose another --faces FOLDER.")
        owners, words = [""] * len(crops), f"{len(crops)} faces of {folder.name}"
    elif kept:
        crops = np.stack([crop for _, crop in kept])
        owners, words = [patient for patient, _ in kept], f"{len(kept)} faces of the gallery"
    else:
        crops = simulated_faces(SIMULATED_FACES)
        owners, words = [""] * len(crops), f"{len(crops)} faces of simulated persons"
    if snapshot is None:
        return TuningFaces(crops, words, None, EACH_OTHER)
    compared = ReferenceFaces(snapshot.descriptors, _own(snapshot, owners))
    return TuningFaces(crops, words, compared, f"the {len(snapshot)} descriptors of the gallery")


def tune_model(
    model: InstalledModel, faces: TuningFaces, *, device: Device = "auto"
) -> list[PrecisionMeasurement]:
    """Every precision that this machine can do with a model, float32 first, all on one device.

    A faster precision that needs a graph to be understood which is not is left out. Raises what
    `open_encoder` raises for float32.
    """
    place = torch_device(device)
    where: Device = "cuda" if place.type == "cuda" else "cpu"
    exact, *faster = fast_precisions(place)
    encoders = [open_encoder(model, device=where, precision=exact)]
    for precision in faster:
        with suppress(GraphUnknown):
            encoders.append(open_encoder(model, device=where, precision=precision))
    return tune(encoders, faces.crops, faces.compared)


def simulated_faces(count: int) -> Crops:
    """Aligned faces of persons who do not exist, always the same, `(count, 112, 112, 3)`."""
    rng, persons = np.random.default_rng(SEED), Persons.builtin()
    portraits = (persons.portrait(persons.sample(rng), rng) for _ in range(count))
    return np.stack([align(one.pixels, one.landmarks) for one in portraits])


def _of_gallery(
    settings: Settings, model: InstalledModel
) -> tuple[Snapshot | None, list[tuple[str, Pixels]]]:
    with Gallery(settings, space=model.name) as gallery:
        if not gallery.exists:
            return None, []
        space = gallery.space.stored
        with gallery.database.reading() as session:
            patients = sorted(reads.patient_names(session).values())
            some = patients[:: max(1, len(patients) // MOST_FACES)]
            faces = reads.kept_faces(session, some)[:MOST_FACES]
            kept = [(face.patient, crop) for face in faces if (crop := _crop(face)) is not None]
        return None if space is None else gallery.snapshot(by="patient"), kept


def _crop(face: reads.KeptFace) -> Pixels | None:
    try:
        return crop_from_png(face.png)
    except PhotoDamaged:  # `gestalt index fill --again` names it
        return None


def _of_folder(settings: Settings, folder: Path, detector: str) -> Crops:
    store = ModelStore(settings.models_dir)
    detectors = OpenModels(store).detectors(detector)
    sources = [PhotoSource(path.name, path, largest=True) for path in photos_in(folder).photos]
    found = find_all_faces(sources[:MOST_FACES], detectors, limits=photo_limits(settings))
    crops = [one.face.crop for one in found if one.face is not None]
    return np.stack(crops) if crops else np.zeros((0, 112, 112, 3), np.uint8)


def _own(snapshot: Snapshot, owners: Sequence[str]) -> np.ndarray:
    places = np.array([snapshot.patient(owner) for owner in owners], dtype=object)
    return np.stack([snapshot.patient_of_row == (-1 if p is None else p) for p in places])
