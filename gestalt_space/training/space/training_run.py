"""A training from its beginning to a model: what `gestalt train space` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gestalt_space.atomic_files import check_path, make_private_folder, unwritable, write_atomically
from gestalt_space.counts import counted_text
from gestalt_space.devices import Device
from gestalt_space.encoders.registry import encoder_spec, find_encoder_model
from gestalt_space.encoders.trainable import open_trainable
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.evaluation.split_file import PARTS, TRAINING, VALIDATION
from gestalt_space.interop.gmdb import TrainingParts
from gestalt_space.paths import display_name
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.history import best_of
from gestalt_space.training.space.labelled_faces import FaceSource, LabelledFaces
from gestalt_space.training.space.loop import CHECKPOINT, Training, train
from gestalt_space.training.space.model_folder import write_model
from gestalt_space.training.space.patient_split import (
    PatientSplit,
    faces_of,
    gmdb_split,
    read_split,
    split_patients,
    split_rows,
)
from gestalt_space.training.space.processes import started_processes
from gestalt_space.training.space.recipe import Recipe
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import ModelStore

MODEL = "model"
SPLIT = "split.csv"
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that was trained: its folder, and the epoch that it is of."""

    folder: Path
    epoch: int


def train_space(
    recipe: Recipe,
    source: FaceSource,
    models: ModelStore,
    folder: Path,
    *,
    split: Path | TrainingParts | None = None,
    device: Device = "auto",
    log: Log,
) -> Trained | None:
    """Fine-tune an encoder, or go on from the checkpoint in `folder`; together with the other
    processes, where torchrun started several. `split`: as in `read_split` and `gmdb_split`; without
    it, families are dealt out.

    `folder` gets the checkpoint, the log, the split with its patients, and `model/` without them.
    The first process alone writes and logs; the others return None. Raises `OutputError`,
    `DeviceUnavailable`, `UsageError` for more processes than photos in a batch, and what
    `open_trainable`, `source`, `read_split` and `train` raise.
    """
    computing = Computing.on(device)
    with started_processes(computing.device) as processes:
        if processes.is_first:
            _check_folder(folder)
        if processes.size > recipe.batch:
            raise UsageError(
                f"{processes.size} processes cannot share batches of {recipe.batch} photos.",
                "Start fewer, or use a larger batch.",
            )
        start = open_trainable(find_encoder_model(models, recipe.model))
        faces = source.read(leave_out_single=recipe.leave_out_single)
        parts = _divided(split, faces, recipe)
        training = Training(recipe, start, faces, parts, folder, computing, processes)
        if not processes.is_first:
            train(training, lambda _: None)
            return None
        log(f"{len(faces.crops)} photos of {len(faces.patients)} patients; {computing}")
        for reason, count in faces.left_out.items():
            log(f"left out: {counted_text(count, 'patient')} {reason}")
        for line in _told(training, parts):
            log(line)
        rows = split_rows(parts, faces)
        place = folder / SPLIT
        if not place.is_file() or place.read_bytes() != rows:
            # It holds patients before it holds a model, and may never hold one.
            source.mark(faces.patients, folder)
        try:
            make_private_folder(folder)
        except OSError as error:
            raise unwritable(folder, error) from error
        write_atomically(place, rows)
        epochs = train(training, lambda epoch: log(str(epoch)))
        write_model(training, epochs, folder / MODEL, mark=_marking(training, source))
        return Trained(folder / MODEL, best_of(epochs, recipe.watched_top).epoch)


def _marking(training: Training, source: FaceSource) -> Callable[[InstalledModel], None]:
    """Notes who trained a model before its folder is there: no model is without its mark."""
    seen = np.flatnonzero(np.isin(training.split.parts, (TRAINING, VALIDATION)))
    patients = [training.faces.patients[number] for number in seen]

    def mark(model: InstalledModel) -> None:
        source.mark(patients, training.folder, space=encoder_spec(model).fingerprint)

    return mark


def _divided(
    split: Path | TrainingParts | None, faces: LabelledFaces, recipe: Recipe
) -> PatientSplit:
    if isinstance(split, TrainingParts):
        return gmdb_split(split, faces)
    if split is not None:
        return read_split(split, faces)
    return split_patients(
        faces,
        frequent=recipe.frequent,
        validation=recipe.validation,
        test=recipe.test,
        seed=recipe.seed,
    )


def _check_folder(folder: Path) -> None:
    """Raises `OutputError` for a folder in which there is something else than a training that was
    begun."""
    check_path(folder)
    if (folder / MODEL).exists():
        raise OutputError(
            f"{display_name(folder)} has a finished training.",
            f"Its model is {display_name(folder / MODEL)}: `gestalt models add` installs it. To "
            "train again, choose another --output.",
        )
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{display_name(folder)} is a file.", "Choose another --output.")
    if folder.is_dir() and not (folder / CHECKPOINT).exists():
        others = [path.name for path in folder.iterdir() if path.name != SPLIT]
        if others:
            raise OutputError(
                f"{display_name(folder)} has other files in it: {display_name(others[0])}.",
                "Choose a new folder.",
            )


def _told(training: Training, split: PatientSplit) -> Iterator[str]:
    faces = training.faces
    rare = len(faces.titles) - len(split.classes)
    yield f"{len(split.classes)} disorders to train, {rare} rare"
    for number, name in enumerate(PARTS):
        patients = split.patients(number)
        if len(patients):
            photos = counted_text(len(faces_of(patients, faces)), "photo")
            yield f"{name}: {counted_text(len(patients), 'patient')}, {photos}"
