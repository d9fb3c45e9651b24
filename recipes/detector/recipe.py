"""The recipe of the built-in detector: photos and a teacher in, a model file and its log out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from gestalt_space.devices import Device
from gestalt_space.faces.builtin import BuiltinDetector
from gestalt_space.faces.detection import Detector
from gestalt_space.same_face import overlap
from gestalt_space.simulate.persons import Persons
from gestalt_space.training.computing import Computing
from gestalt_space.training.libraries import libraries
from gestalt_space.training.splits import held_out, validating
from gestalt_space.types import Photo
from gestalt_space.weights.manifest import sha256_of
from recipes.commit import commit
from recipes.detector.data import (
    BORDER,
    CountProgress,
    Faces,
    drawn_faces,
    no_count_progress,
    taught_faces,
)
from recipes.detector.landmarks import LOOK_STEPS, train_look
from recipes.detector.network import export
from recipes.detector.training import SEED, STEPS, TrainingPlan, train
from recipes.logs import Log, kept_log

PERSONS = 1500
"""Simulated persons that are mixed in."""
LEAST_OVERLAP = 0.3
"""Intersection over union from which two detectors mean the same face."""


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """What to train on. `persons`: a file of persons; None for those of gestalt-space."""

    photos: Path
    teacher: Path
    persons: Path | None = None
    steps: int = STEPS
    look_steps: int = LOOK_STEPS
    seed: int = SEED
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Measured:
    """A detector against the teacher.

    `found`: share of the teacher's faces; `error`: median distance of a landmark from the
    teacher's, in distances between the eyes.
    """

    photos: int
    found: float
    error: float

    def __str__(self) -> str:
        return (
            f"{self.found:.2%} of {self.photos:,} faces found, median landmark error "
            f"{self.error:.2%} of the distance between the eyes"
        )


def collect(recipe: DetectorRecipe, told: CountProgress = no_count_progress) -> Faces:
    """The photos that training may see, as the teacher sees them. Raises `UsageError`."""
    return taught_faces(recipe.photos, recipe.teacher, lambda name: not held_out(name), told)


def train_detector(recipe: DetectorRecipe, faces: Faces, out: Path, log: Log) -> Measured:
    """Train on the collected faces, write the model, and a log beside it; measure the model.

    The same recipe gives the same model on the same machine with the same libraries.
    """
    with kept_log(out, log) as note:
        note(
            f"photos {recipe.photos.name}, teacher {recipe.teacher.name} "
            f"sha256 {sha256_of(recipe.teacher)}, steps {recipe.steps} and "
            f"{recipe.look_steps}, seed {recipe.seed}, "
            f"{commit()}, {libraries()}, {Computing.on(recipe.device)}"
        )
        known = faces.among(lambda name: not validating(name))
        kept = faces.among(validating)
        drawn = simulated(recipe, known)
        note(f"{len(known)} faces, {len(drawn)} simulated persons, {len(kept)} to measure with")
        plan = TrainingPlan(recipe.steps, recipe.seed, device=recipe.device)
        network = train(known, plan, drawn=drawn, log=note)
        look_plan = replace(plan, steps=recipe.look_steps)
        look = train_look(known, look_plan, drawn=drawn, log=note)
        export(network, look, out)
        note(f"{out.name}: {out.stat().st_size} bytes, sha256 {sha256_of(out)}")
        measured = measure_detector(BuiltinDetector(out, device="cpu", threads=1), kept)
        note(str(measured))
    return measured


def simulated(recipe: DetectorRecipe, like: Faces) -> Faces:
    """Portraits of simulated persons, the same ones for the same seed."""
    persons = Persons.builtin() if recipe.persons is None else Persons.load(recipe.persons)
    rng = np.random.default_rng(recipe.seed)
    portraits = [persons.portrait(persons.sample(rng), rng) for _ in range(PERSONS)]
    return drawn_faces([(portrait.pixels, portrait.landmarks) for portrait in portraits], like)


def measure_detector(detector: Detector, faces: Faces, *, border: int = BORDER) -> Measured:
    """How well a detector finds, in photos with a black border, what the teacher found."""
    errors, found = [], 0
    for pixels, landmarks, box in zip(
        faces.pixels, faces.landmarks[:, 0], faces.boxes[:, 0], strict=True
    ):
        framed = cv2.copyMakeBorder(
            pixels, border, border, border, border, cv2.BORDER_CONSTANT, value=(0, 0, 0)
        )
        seen = detector.find(Photo("", np.asarray(framed, np.uint8), "", ""))
        best = max(seen, key=lambda face: overlap(face.box, box + border), default=None)
        if best is None or overlap(best.box, box + border) < LEAST_OVERLAP:
            continue
        found += 1
        between = np.linalg.norm(landmarks[1] - landmarks[0])
        errors.append(np.linalg.norm(best.landmarks - border - landmarks, axis=1) / between)
    count = max(1, len(faces))
    return Measured(len(faces), found / count, float(np.median(errors)) if errors else 1.0)
