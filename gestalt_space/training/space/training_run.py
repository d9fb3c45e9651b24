"""A training from its beginning to a model: what `gestalt train space` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.atomic_files import check_path, make_private_folder, unwritable, write_atomically
from gestalt_space.devices import Device
from gestalt_space.errors import OutputError
from gestalt_space.paths import display_name
from gestalt_space.settings import load_settings
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.history import best_of
from gestalt_space.training.space.labelled_faces import read_labelled_faces
from gestalt_space.training.space.loop import CHECKPOINT, Training, train
from gestalt_space.training.space.model_folder import write_model
from gestalt_space.training.space.patient_split import (
    PARTS,
    PatientSplit,
    evaluation_rows,
    faces_of,
    read_split,
    split_patients,
)
from gestalt_space.training.space.recipe import Recipe
from gestalt_space.training.space.trainable import open_trainable
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
    home: Path | None,
    folder: Path,
    *,
    split: Path | None = None,
    device: Device = "auto",
    workers: int = 0,
    log: Log,
) -> Trained:
    """Fine-tune an encoder on the patients of a home's gallery, or go on from the checkpoint in
    `folder`. `split`: as in `read_split`; without it, families are dealt out.

    `folder` gets the checkpoint, the log, the split with its patients, and `model/` without them.
    Raises `OutputError`, `DeviceUnavailable`, and what `open_trainable`, `read_labelled_faces`,
    `read_split` and `train` raise.
    """
    _check_folder(folder)
    computing = Computing.on(device)
    start = open_trainable(ModelStore(load_settings(home).models_dir), recipe.model)
    faces = read_labelled_faces(home, leave_out_single=recipe.leave_out_single)
    parts = (
        read_split(split, faces)
        if split is not None
        else split_patients(
            faces,
            frequent=recipe.frequent,
            validation=recipe.validation,
            test=recipe.test,
            seed=recipe.seed,
        )
    )
    training = Training(recipe, start, faces, parts, folder, computing, workers)
    log(f"{len(faces.crops)} photos of {len(faces.patients)} patients; {computing}")
    for reason, count in faces.left_out.items():
        log(f"left out: {count} patients {reason}")
    log(_told(training, parts))
    try:
        make_private_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    write_atomically(folder / SPLIT, evaluation_rows(parts, faces))
    epochs = train(training, lambda epoch: log(str(epoch)))
    write_model(training, epochs, folder / MODEL)
    return Trained(folder / MODEL, best_of(epochs, recipe.watched_top).epoch)


def _check_folder(folder: Path) -> None:
    """Raises `OutputError` for a folder in which there is something else than a training that was
    begun."""
    check_path(folder)
    if (folder / MODEL).exists():
        raise OutputError(
            f"{display_name(folder)} has a finished training.", "Choose another --output."
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


def _told(training: Training, split: PatientSplit) -> str:
    faces = training.faces
    parts = [
        f"{name} {len(split.patients(number))} patients, "
        f"{len(faces_of(split.patients(number), faces))} photos"
        for number, name in enumerate(PARTS)
    ]
    rare = len(faces.titles) - len(split.classes)
    return f"{len(split.classes)} disorders to train, {rare} rare; {'; '.join(parts)}"
