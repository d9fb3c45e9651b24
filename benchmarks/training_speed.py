"""How fast spaces are trained: photos a second against the same network in a bare torch loop, how
fast photos are prepared, and the share of the time that goes into other things.

python -m benchmarks.training_speed [--model FOLDER] [--set KEY=VALUE …] [--device cpu]

Faces are patterns of noise; what they show does not matter to the speed. The bare loop has its
images ready in the device's memory, and the same size of batches, loss and optimiser. Runs
alternate. Ratios are within a round; all figures are medians of the rounds. Core seconds are those
of all threads of the process: on a machine that is busy with other things they say more. The
validation is the last one; where only the last layer learns, the first one takes longer.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from benchmarks.table import keep
from gestalt_space.encoders.trainable import TrainableEncoder, open_trainable
from gestalt_space.errors import TrainingError
from gestalt_space.training.computing import Computing
from gestalt_space.training.space import loop
from gestalt_space.training.space.augmentation import Augmentation
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.losses import make_loss
from gestalt_space.training.space.patient_split import faces_of, split_patients
from gestalt_space.training.space.photo_batches import PhotoBatches
from gestalt_space.training.space.rates import freeze, parameter_groups
from gestalt_space.training.space.recipe import Recipe, load_recipe
from gestalt_space.weights.store import ModelStore

DISORDERS, PATIENTS = 30, 48
ROUNDS = 7
THREADS = (1, 2)
"""How many prepare photos where nothing else is done."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the clock, and seconds of cores."""

    clock: float
    cores: float

    @classmethod
    def since(cls, begun: Spent | None) -> Spent:
        """From then on; without it, a time to begin at."""
        now = cls(time.perf_counter(), time.process_time())
        return now if begun is None else cls(now.clock - begun.clock, now.cores - begun.cores)


@dataclass(frozen=True, slots=True)
class Round:
    """What each took; `bare` and `ours` an epoch of that many `photos`, `waiting` within `ours`."""

    photos: int
    bare: Spent
    ours: Spent
    waiting: float
    validating: float
    keeping: float
    preparing: dict[int, float]
    """Seconds, by how many threads."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, help="Folder of a model; the built-in one without.")
    parser.add_argument("--set", action="append", default=[], dest="changes")
    parser.add_argument("--recipe", default="builtin")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    recipe = load_recipe(
        arguments.recipe, [*arguments.changes, "epochs=2", "seed=3", "leave_out_single=true"]
    )
    faces = _faces()
    computing = Computing.on(arguments.device)
    rounds = [_round(arguments.model, recipe, faces, computing) for _ in range(ROUNDS)]
    keep(
        f"training-speed-{arguments.model.name if arguments.model else 'builtin'}",
        f"python -m benchmarks.training_speed --recipe {arguments.recipe} "
        f"{' '.join(f'--set {one}' for one in arguments.changes)} ({computing})",
        ("what", "photos a second", "of the bare loop", "core seconds for 1,000 photos"),
        _rows(rounds, recipe),
    )


def _rows(rounds: Sequence[Round], recipe: Recipe) -> list[Sequence[object]]:
    def middle(figure: Callable[[Round], float]) -> float:
        return statistics.median(map(figure, rounds))

    def cores(work: Callable[[Round], Spent]) -> str:
        return f"{middle(lambda one: work(one).cores / one.photos * 1000):.2f}"

    rows: list[Sequence[object]] = [
        (
            "bare torch loop",
            f"{middle(lambda one: one.photos / one.bare.clock):.0f}",
            "",
            cores(lambda one: one.bare),
        ),
        (
            "train space",
            f"{middle(lambda one: one.photos / one.ours.clock):.0f}",
            f"{middle(lambda one: one.bare.clock / one.ours.clock):.2f} ×",
            cores(lambda one: one.ours),
        ),
    ]
    for threads in THREADS:
        speed = middle(lambda one, by=threads: one.photos / one.preparing[by])
        ratio = middle(lambda one, by=threads: one.bare.clock / one.preparing[by])
        rows.append(
            (f"preparing photos alone, threads: {threads}", f"{speed:.0f}", f"{ratio:.1f} ×", "")
        )
    every = recipe.validate_every
    shares = {
        "waiting for photos, share of an epoch": lambda one: one.waiting / one.ours.clock,
        "checkpoint and log, share of an epoch": lambda one: (
            one.keeping / (one.ours.clock + one.keeping)
        ),
        "validation, share of an epoch that has one": lambda one: (
            one.validating / (one.ours.clock + one.validating)
        ),
        f"validation, share of a training (validate_every={every})": lambda one: (
            one.validating / (every * one.ours.clock + one.validating)
        ),
    }
    rows += [(name, f"{middle(share):.1%}", "", "") for name, share in shares.items()]
    return rows


def _round(
    folder: Path | None, recipe: Recipe, faces: LabelledFaces, computing: Computing
) -> Round:
    split = split_patients(
        faces, frequent=recipe.frequent, validation=0.15, test=0.15, seed=recipe.seed
    )
    count = len(faces_of(split.trained(faces), faces))
    steps = max(1, count // recipe.batch)
    size = min(recipe.batch, count)
    start = _opened(folder)
    bare = _bare(start, recipe, computing, size, steps)
    vary = Augmentation(recipe)
    preparing = {}
    for threads in THREADS:
        photos = PhotoBatches(faces.crops, start.spec, vary, threads, ahead=1)
        rng = np.random.default_rng(5)
        batches = [
            (rng.integers(len(faces.crops), size=size), vary.draw(rng, size)) for _ in range(steps)
        ]
        begun = time.perf_counter()
        for _ in photos.prepared(batches):
            pass
        preparing[threads] = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as place:
        training = loop.Training(recipe, _opened(folder), faces, split, Path(place), computing)
        taken = _trained(training)
    return Round(
        size * steps,
        bare,
        taken["_train"][-1],
        taken["waiting"][-1].clock,
        taken["_validated"][-1].clock,
        taken["_keep"][-1].clock,
        preparing,
    )


def _trained(training: loop.Training) -> dict[str, list[Spent]]:
    """What the parts of a training took, each time."""
    taken: dict[str, list[Spent]] = {"waiting": []}

    def timed(name: str) -> Callable[..., object]:
        work = getattr(loop._Loop, name)

        def timing(*given: object) -> object:
            begun = Spent.since(None)
            found = work(*given)
            taken.setdefault(name, []).append(Spent.since(begun))
            return found

        return timing

    prepared = PhotoBatches.prepared

    def waiting(photos: PhotoBatches, batches: Any) -> Iterator[Tensor]:
        images = prepared(photos, batches)
        spent = 0.0
        while True:
            begun = time.perf_counter()
            batch = next(images, None)
            spent += time.perf_counter() - begun
            if batch is None:
                break
            yield batch
        taken["waiting"].append(Spent(spent, 0.0))

    with (
        patch.object(loop._Loop, "_train", timed("_train")),
        patch.object(loop._Loop, "_validated", timed("_validated")),
        patch.object(loop._Loop, "_keep", timed("_keep")),
        patch.object(PhotoBatches, "prepared", waiting),
        suppress(TrainingError),  # noise has nothing to be learned
    ):
        loop.train(training, lambda _: None)
    return taken


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


def _bare(
    start: TrainableEncoder, recipe: Recipe, computing: Computing, size: int, steps: int
) -> Spent:
    """An epoch of the network alone."""
    computing.repeatable()
    network = computing.placed(start.network)
    loss = make_loss(recipe, start.spec.dim, np.full(DISORDERS, PATIENTS)).to(computing.device)
    freeze(start, recipe)
    optimiser = loop._OPTIMISERS[recipe.optimiser](parameter_groups(start, loss, recipe))
    channels = 1 if start.spec.channels == "grey" else 3
    side = start.spec.input_size
    images = torch.randn(size, channels, side, side, device=computing.device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(size, device=computing.device) // 2 % DISORDERS

    def step() -> None:
        with computing.mixed():
            features = network(images)
        value = loss(features, labels)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        float(value.detach())

    step()
    begun = Spent.since(None)
    for _ in range(steps):
        step()
    return Spent.since(begun)


if __name__ == "__main__":
    main()
