"""All built-in models anew: one commit, one seed, one folder. What is finished is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gestalt_space.atomic_files import write_atomically
from gestalt_space.devices import Device
from gestalt_space.errors import UsageError
from gestalt_space.faces.yunet import YunetDetector
from gestalt_space.progress import Progress, no_progress
from gestalt_space.simulate.persons import Persons
from gestalt_space.simulate.real_faces import RealFace, read_faces
from gestalt_space.training.splits import held_out
from gestalt_space.weights.manifest import sha256_of
from recipes.commit import commit
from recipes.cover.recipe import STEPS as COVER_STEPS
from recipes.cover.recipe import CoverRecipe, train_cover
from recipes.detector.landmarks import LOOK_STEPS
from recipes.detector.recipe import DetectorRecipe, collect, train_detector
from recipes.detector.training import STEPS as DETECTOR_STEPS
from recipes.encoder.recipe import PAIRS, EncoderRecipe, train_encoder
from recipes.encoder.training import STAGES, TrainingStage
from recipes.logs import Log, kept_log

PLAN_FILE = "rebuild.json"
UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Steps:
    """How long each part trains."""

    detector: int = DETECTOR_STEPS
    look: int = LOOK_STEPS
    cover: int = COVER_STEPS
    pairs: int = PAIRS
    encoder: tuple[TrainingStage, ...] = STAGES


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What to rebuild from.

    `photos`: a folder or zip; `teacher`: a YuNet model; `recogniser`: a folder with a face encoder
    that tells which photos show one person.
    """

    photos: Path
    teacher: Path
    folder: Path
    seed: int
    recogniser: Path | None = None
    device: Device = "auto"
    steps: Steps = field(default_factory=Steps)


def rebuild(plan: Rebuilding, log: Log, progress: Progress = no_progress) -> None:
    """Write persons, detector, cover network and encoder with their logs to the folder.

    A part that is there is kept, so a run that was broken off can be started again. Raises
    `UsageError` where the folder was begun with another commit, seed, teacher or recogniser, or
    with other photos.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    _check_begun(plan)
    faces: list[RealFace] = []

    def seen() -> list[RealFace]:
        if not faces:
            teacher = YunetDetector(plan.teacher)
            faces.extend(read_faces(plan.photos, teacher, progress=progress))
        return faces

    persons = plan.folder / "persons.safetensors"
    steps = plan.steps

    def make_persons(out: Path) -> None:
        with kept_log(out, log) as note:
            frontal = [f for f in seen() if f.is_frontal and not held_out(f.name)]
            note(f"photos {plan.photos.name}, seed {plan.seed}, {len(frontal)} frontal faces")
            portraits, labels = [f.portrait for f in frontal], [f.labels for f in frontal]
            Persons.fit(portraits, labels, seed=plan.seed).save(out)

    def make_detector(out: Path) -> None:
        recipe = DetectorRecipe(
            plan.photos, plan.teacher, persons, steps.detector, steps.look, plan.seed, plan.device
        )
        train_detector(recipe, collect(recipe), out, log)

    def make_cover(out: Path) -> None:
        recipe = CoverRecipe(plan.photos, persons, steps.cover, plan.seed, plan.device)
        train_cover(recipe, seen(), out, log)

    def make_encoder(out: Path) -> None:
        recipe = EncoderRecipe(
            plan.photos,
            persons,
            plan.recogniser,
            steps.pairs,
            steps.encoder,
            plan.seed,
            plan.device,
        )
        train_encoder(recipe, seen(), out, log)

    parts: Mapping[str, Callable[[Path], None]] = {
        persons.name: make_persons,
        "detector.onnx": make_detector,
        "cover.onnx": make_cover,
        "encoder.onnx": make_encoder,
    }
    for name, make in parts.items():
        if (plan.folder / name).exists():
            log(f"{name} is there already.")
        else:
            _make(plan.folder, name, make)


def _make(folder: Path, name: str, make: Callable[[Path], None]) -> None:
    """Make one part aside, and move it to its place when it is whole, its log first."""
    aside = folder / UNFINISHED
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    make(aside / name)
    log = Path(name).with_suffix(".log")
    (aside / log).replace(folder / log)
    (aside / name).replace(folder / name)
    aside.rmdir()


def _check_begun(plan: Rebuilding) -> None:
    begun = {
        "commit": commit(),
        "seed": plan.seed,
        "photos": plan.photos.name,
        "teacher": sha256_of(plan.teacher),
        "recogniser": None if plan.recogniser is None else plan.recogniser.name,
    }
    file = plan.folder / PLAN_FILE
    if not file.exists():
        write_atomically(file, json.dumps(begun, indent=2).encode())
        return
    before = json.loads(file.read_text(encoding="utf-8"))
    changed = [name for name in begun if before.get(name) != begun[name]]
    if changed:
        was = ", ".join(f"{name} {before.get(name)}" for name in changed)
        raise UsageError(
            f"{plan.folder} was begun with {was}.", "Go on with the same, or use another folder."
        )
