"""How fast spaces are trained: photos a second against the same network in a bare torch loop, and
the share of the time that goes into validation.

python -m benchmarks.training_speed [--model builtin] [--set KEY=VALUE …] [--device cpu]

Faces are patterns of noise; what they show does not matter to the speed. The bare loop has its
images ready in the device's memory, the same batches, loss and optimiser. Runs alternate, and the
medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.table import keep
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.errors import TrainingError
from gestalt_space.training.computing import Computing
from gestalt_space.training.space import loop
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.losses import make_loss
from gestalt_space.training.space.patient_split import faces_of, split_patients
from gestalt_space.training.space.rates import freeze, parameter_groups
from gestalt_space.training.space.recipe import Recipe, load_recipe
from gestalt_space.weights.store import ModelStore

DISORDERS, PATIENTS = 30, 16
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, help="Folder of a model; the built-in one without.")
    parser.add_argument("--set", action="append", default=[], dest="changes")
    parser.add_argument("--recipe", default="builtin")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    recipe = load_recipe(
        arguments.recipe, [*arguments.changes, "epochs=1", "seed=3", "leave_out_single=true"]
    )
    faces = _faces()
    computing = Computing.on(arguments.device)
    bare: list[float] = []
    ours: dict[int, list[float]] = {0: [], 2: []}
    validating: list[float] = []
    for _ in range(ROUNDS):
        bare.append(_bare(_opened(arguments.model), recipe, faces, computing))
        for workers, speeds in ours.items():
            speed, share = _ours(_opened(arguments.model), recipe, faces, computing, workers)
            speeds.append(speed)
            validating.append(share)
    middle = statistics.median(bare)
    rows: list[Sequence[object]] = [("bare torch loop", f"{middle:.0f}", "")]
    for workers, speeds in ours.items():
        found = statistics.median(speeds)
        rows.append((f"train space, {workers} workers", f"{found:.0f}", f"{found / middle:.2f} ×"))
    share = statistics.median(validating)
    rows.append(("validation of an epoch, share of its time", f"{share:.1%}", ""))
    keep(
        f"training-speed-{arguments.model.name if arguments.model else 'builtin'}",
        f"python -m benchmarks.training_speed --recipe {arguments.recipe} "
        f"{' '.join(f'--set {one}' for one in arguments.changes)} ({computing})",
        ("what", "photos a second", "of the bare loop"),
        rows,
    )


def _opened(folder: Path | None) -> TrainableEncoder:
    with tempfile.TemporaryDirectory() as models:
        store = ModelStore(Path(models))
        if folder is None:
            return open_trainable(store.get("builtin"))
        return open_trainable(store.add(folder, name="other", accept_license=True))


def _faces() -> LabelledFaces:
    count = DISORDERS * PATIENTS
    crops = np.random.default_rng(3).integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)
    return LabelledFaces(
        crops=crops,
        patient_of_face=np.arange(count),
        patients=tuple(map(str, range(count))),
        families=np.arange(count),
        disorders=np.repeat(np.arange(DISORDERS), PATIENTS),
        sex=("",) * count,
        ancestry=("",) * count,
        titles=tuple(map(str, range(DISORDERS))),
        left_out={},
    )


def _ours(
    start: TrainableEncoder,
    recipe: Recipe,
    faces: LabelledFaces,
    computing: Computing,
    workers: int,
) -> tuple[float, float]:
    """Photos a second of the training, and the share of an epoch that its validation takes."""
    split = split_patients(
        faces, frequent=recipe.frequent, validation=0.15, test=0.15, seed=recipe.seed
    )
    taken: dict[str, list[float]] = {"_train": [], "_validated": []}

    def timed(name: str) -> Callable[..., object]:
        work = getattr(loop._Loop, name)

        def timing(*given: object) -> object:
            begun = time.perf_counter()
            found = work(*given)
            taken[name].append(time.perf_counter() - begun)
            return found

        return timing

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(loop._Loop, "_train", timed("_train")),
        patch.object(loop._Loop, "_validated", timed("_validated")),
    ):
        training = loop.Training(recipe, start, faces, split, Path(folder), computing, workers)
        with suppress(TrainingError):  # noise has nothing to be learned
            loop.train(training, lambda _: None)
    photos = _photos(recipe, len(faces_of(split.trained(faces), faces)))
    epoch, validation = taken["_train"][-1], taken["_validated"][-1]
    return photos / epoch, validation / (epoch + validation)


def _photos(recipe: Recipe, count: int) -> int:
    """How many photos an epoch has."""
    size = min(recipe.batch, count)
    return count // size * size


def _bare(
    start: TrainableEncoder, recipe: Recipe, faces: LabelledFaces, computing: Computing
) -> float:
    """Photos a second."""
    computing.repeatable()
    network = computing.placed(start.network)
    loss = make_loss(recipe, start.spec.dim, np.full(DISORDERS, PATIENTS)).to(computing.device)
    freeze(start, recipe)
    optimiser = torch.optim.AdamW(parameter_groups(start, loss, recipe))
    channels = 1 if start.spec.channels == "grey" else 3
    size = start.spec.input_size
    images = torch.randn(recipe.batch, channels, size, size, device=computing.device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(recipe.batch, device=computing.device) // 2 % DISORDERS
    steps = _photos(recipe, len(faces.crops)) // recipe.batch

    def step() -> None:
        with computing.mixed():
            features = network(images)
        value = loss(features, labels)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        float(value.detach())

    step()
    begun = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * recipe.batch / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
