"""The recipe of the built-in encoder: photos in, a model file and its log out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt_space.devices import Device, cores
from gestalt_space.faces.alignment import SIZE
from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.canvas import MEAN_LANDMARKS
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.training.computing import Computing
from gestalt_space.training.libraries import libraries
from gestalt_space.weights.manifest import sha256_of
from recipes.commit import commit
from recipes.encoder.data import Pairs, make_groups, make_pairs
from recipes.encoder.deformations import TARGET_LENGTH
from recipes.encoder.export import export
from recipes.encoder.network import EncoderNetwork
from recipes.encoder.people import same_people, trained_on, validated_on
from recipes.encoder.training import (
    STAGES,
    TargetScaling,
    TrainingStage,
    centre,
    normalised,
    train,
)
from recipes.encoder.validation import DISORDERS, told_on_validation
from recipes.logs import Log, kept_log
from recipes.preconditions import check_faces

PERSONS = 5_000
"""Simulated persons among the people."""
PAIRS = 50_000
CHUNK = 250
"""Pairs that are drawn from one seed: their number decides nothing but the grain of the work."""
MOST_OFF = 14.0
"""Canvas pixels by which a landmark of a face may lie away from the mean: beyond it, profiles."""
TEST_GROUPS, TEST_PEOPLE, TEST_PERSONS = 150, 6, 500
"""Deformations to measure the result with, people who carry each, and persons to draw them from."""
CENTRING = 2_000
"""Photos without a deformation, whose middle becomes the origin of the space."""
BATCH = 64
TELLING_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """What to train on: `photos` is named in the log; `persons` is a file of them, or built in;
    `recogniser` is a folder with a face encoder that tells which photos show one person.
    """

    photos: Path
    persons: Path | None = None
    recogniser: Path | None = None
    pairs: int = PAIRS
    stages: Sequence[TrainingStage] = STAGES
    seed: int = 11
    device: Device = "auto"


def train_encoder(recipe: EncoderRecipe, faces: Sequence[RealFace], out: Path, log: Log) -> None:
    """Train on faces, write the model, and a log beside it that says what it can tell.

    No photo of a person is used of whom another is held out; photos for validation measure the
    result, by disorders of a family that training does not know. Raises `UsageError` for too few
    faces.
    """
    names = [face.name for face in faces]
    owners = same_people(faces, recipe.recogniser)
    used = trained_on(names, owners) & np.array([_near(face.portrait) for face in faces], bool)
    known = [faces[row].portrait for row in np.flatnonzero(used).tolist()]
    check_faces(len(known))
    with kept_log(out, log) as note:
        note(
            f"photos {recipe.photos.name}, seed {recipe.seed}, {commit()}, {libraries()}, "
            f"{Computing.on(recipe.device)}"
        )
        people = known + _simulated(recipe, PERSONS, part=1)
        note(f"{len(known)} real faces, {PERSONS} simulated persons")
        pairs = _drawn(people, recipe)
        targets = pairs.targets.reshape(2 * len(pairs.targets), -1)
        telling = TargetScaling.fit(targets[:: max(1, len(targets) // TELLING_ROWS)], recipe.seed)
        note(f"{len(pairs.crops)} pairs drawn")
        network = train(
            pairs,
            telling,
            lambda step, told, contrast: note(
                f"step {step} told {told:.4f} contrast {contrast:.3f}"
            ),
            stages=recipe.stages,
            seed=recipe.seed,
            device=recipe.device,
        )
        rng = np.random.default_rng([recipe.seed, 6])
        plain = rng.choice(len(known), min(CENTRING, len(known)), replace=False).tolist()
        centre(network, np.stack([photographed(known[row], rng) for row in plain]))
        export(network, out)
        note(f"{out.name}: {out.stat().st_size} bytes, sha256 {sha256_of(out)}")
        others = _simulated(recipe, TEST_PERSONS, part=5)
        crops, groups = make_groups(others, TEST_GROUPS, TEST_PEOPLE, [recipe.seed, 4])
        share = _nearest_share(_descriptors(network, crops), groups)
        note(f"nearest of the same deformation, of {TEST_GROUPS}: {share:.1%}")
        kept = validated_on(names, owners) & np.array([face.is_frontal for face in faces], bool)
        shown = [faces[row].portrait for row in np.flatnonzero(kept).tolist()]
        if len(shown) >= 2 * DISORDERS:
            told = told_on_validation(network, shown, DISORDERS)
            note(f"disorders of the validation family: {told}")
        else:
            note(f"{len(shown)} people are too few for the validation family")


def _near(portrait: Portrait) -> bool:
    off = np.linalg.norm(portrait.landmarks - MEAN_LANDMARKS, axis=1).max()
    return bool(off < MOST_OFF)


def _simulated(recipe: EncoderRecipe, count: int, *, part: int) -> list[Portrait]:
    persons = Persons.builtin() if recipe.persons is None else Persons.load(recipe.persons)
    rng = np.random.default_rng([recipe.seed, part])
    return [persons.portrait(persons.sample(rng), rng) for _ in range(count)]


def _drawn(people: Sequence[Portrait], recipe: EncoderRecipe) -> Pairs:
    """The pairs of all chunks, drawn on all cores; the cores decide nothing of what is drawn."""
    chunks = -(-recipe.pairs // CHUNK)
    pairs = Pairs(
        np.empty((chunks * CHUNK, 2, SIZE, SIZE, 3), dtype=np.uint8),
        np.empty((chunks * CHUNK, 2, TARGET_LENGTH), dtype=np.float32),
    )

    def fill(chunk: int) -> None:
        part = make_pairs(people, CHUNK, [recipe.seed, 2, chunk])
        rows = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        pairs.crops[rows], pairs.targets[rows] = part.crops, part.targets

    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(fill, range(chunks)):
            pass  # so that an error in one is raised
    return pairs


def _descriptors(network: EncoderNetwork, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    with torch.inference_mode():
        parts = [
            network(normalised(torch.from_numpy(crops[start : start + BATCH])))
            for start in range(0, len(crops), BATCH)
        ]
    return np.asarray(torch.cat(parts).numpy())


def _nearest_share(features: NDArray[np.float32], groups: NDArray[np.int64]) -> float:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -2)
    return float((groups[similarity.argmax(axis=1)] == groups).mean())
