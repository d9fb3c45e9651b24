"""Patients who do not exist, whose faces are patterns, and a network that learns them quickly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.torch_preparation import TorchPreparation
from gestalt_space.encoders.trainable import TrainableEncoder
from gestalt_space.training.computing import Computing
from gestalt_space.training.space.labelled_faces import LabelledFaces
from gestalt_space.training.space.loop import Training
from gestalt_space.training.space.patient_split import split_patients
from gestalt_space.training.space.recipe import Recipe, load_recipe
from gestalt_space.weights.manifest import InstalledModel, ModelFile

SMALL = (
    "loss=sub-centre-arcface",
    "margin=17",
    "scale=24",
    "class_rate=3e-3",
    "discriminant=false",
    "sampling=balanced",
    "batch=8",
    "epochs=3",
    "frequent=4",
    "validation=0.25",
    "test=0.25",
    "rate=3e-2",
    "layer_decay=0.5",
    "trained_share=1",
    "validate_every=1",
    "watched_top=1",
    "schedule=plateau",
)


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """All tests of this folder."""


def make_faces(*families_of: int, photos: int = 1, seed: int = 0) -> LabelledFaces:
    """Patients of disorders with so many families each; patients 2n and 2n + 1 of the first
    disorder are of one family."""
    rng = np.random.default_rng(seed)
    disorders = np.repeat(np.arange(len(families_of)), families_of)
    first = 2 * families_of[0]
    disorders = np.concatenate([np.zeros(families_of[0], np.int64), disorders])
    families = np.arange(len(disorders))
    families[:first] //= 2
    patterns = rng.uniform(60, 190, (len(families_of), 7, 7, 3))
    owners = np.repeat(np.arange(len(disorders)), photos)
    coarse = patterns[disorders[owners]] + rng.normal(0, 45, (len(owners), 7, 7, 3))
    crops = np.clip(coarse, 0, 255).astype(np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    count = len(disorders)
    return LabelledFaces(
        crops=crops,
        patient_of_face=owners,
        patients=tuple(f"patient-{number}" for number in range(count)),
        families=families,
        disorders=disorders,
        sex=tuple("female" if number % 2 else "male" for number in range(count)),
        ancestry=("",) * count,
        titles=tuple(f"SIM:{number}" for number in range(len(families_of))),
        left_out={},
    )


def small_recipe(*changes: str) -> Recipe:
    return load_recipe("builtin", [*SMALL, *changes])


class Small(nn.Module):
    """`(n, 3, 112, 112)` to `(n, 8)`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 16, 16), nn.BatchNorm2d(4), nn.ReLU())
        self.flat = nn.Flatten()
        self.space = nn.Linear(4 * 49, 8)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.space(self.flat(self.body(images)))
        return found


def small_start() -> TrainableEncoder:
    torch.manual_seed(5)
    network = Small().eval()
    file = ModelFile("small.safetensors", "0" * 64, 1, "encoder", "small", 112, 127.5, 127.5, 8)
    model = InstalledModel(
        "small", Path("small"), (file,), "made", "none", "For tests.", False, None, "2026"
    )
    spec = EncoderSpec(
        "small", (file.sha256,), "arcface-112", 112, "RGB", 127.5, 127.5, ("model0",), 8
    )
    return TrainableEncoder(model, spec, TorchPreparation(spec), network)


def small_training(folder: Path, *changes: str) -> Training:
    """A training of a small network in that folder."""
    recipe = small_recipe(*changes)
    faces = make_faces(6, 6, 6, 2, 2)
    split = split_patients(
        faces, frequent=recipe.frequent, validation=0.25, test=0.25, seed=recipe.seed
    )
    folder.mkdir(exist_ok=True)
    return Training(
        recipe, small_start(), faces, split, folder, Computing(torch.device("cpu"), half=False)
    )


Start = Callable[..., Training]


@pytest.fixture
def make_training(tmp_path: Path) -> Start:
    """A training of a small network, in the folder of that name."""

    def make(name: str = "run", *changes: str, **others: object) -> Training:
        return replace(small_training(tmp_path / name, *changes), **others)

    return make
