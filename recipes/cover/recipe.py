"""The recipe of the cover network: photos of uncovered faces in, a model file and its log out."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gestalt_space.devices import Device
from gestalt_space.faces.alignment import align
from gestalt_space.faces.cover import CELLS, OVAL, CoverModel
from gestalt_space.simulate.persons import Persons, Portrait
from gestalt_space.simulate.phenotypes import change
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.training.computing import Computing
from gestalt_space.training.libraries import libraries
from gestalt_space.training.splits import held_out, validating
from gestalt_space.types import Pixels
from gestalt_space.weights.manifest import sha256_of
from recipes.commit import commit
from recipes.cover.network import CoverNetwork, export
from recipes.cover.pictures import KINDS, CoverPainter
from recipes.detector.training import drift, rate
from recipes.drawing import drawn_ahead
from recipes.encoder.deformations import draw
from recipes.logs import Log, kept_log
from recipes.preconditions import check_faces

STEPS = 4_000
BATCH = 96
RATE = 2e-3
DECAY = 1e-3
KEEP = 0.998
PERSONS = 1_500
"""Simulated persons among the faces."""
CHANGED_SHARE = 0.35
"""Faces that carry a deformation, as those of patients do: an unusual face is not a covered one."""
MOST_SEVERE = 2.2
LOG_EVERY = 100
TELLING_QUANTILES = (0.95, 0.99, 0.995)


@dataclass(frozen=True, slots=True)
class CoverRecipe:
    """What to train on: `photos` is named in the log; `persons` is a file of them, or built in.
    `without`: a kind of cover to leave out, for measuring how the network does with what it never
    saw."""

    photos: Path
    persons: Path | None = None
    steps: int = STEPS
    seed: int = 5
    device: Device = "auto"
    without: str = ""


def train_cover(recipe: CoverRecipe, faces: Iterable[RealFace], out: Path, log: Log) -> None:
    """Train on faces, write the model, and a log beside it that says what it finds in the photos
    kept for choosing limits: as they are, and with each kind of cover drawn.

    Faces whose names are held out are left out. Raises `UsageError` for too few faces,
    `DeviceUnavailable` or `ModelDamaged`.
    """
    usable = [face for face in faces if not held_out(face.name)]
    known = [face.portrait for face in usable if not validating(face.name)]
    kept = [face.portrait for face in usable if validating(face.name)]
    check_faces(len(known))
    with kept_log(out, log) as note:
        note(
            f"photos {recipe.photos.name}, {recipe.steps} steps, seed {recipe.seed}, "
            f"{commit()}, {libraries()}, {Computing.on(recipe.device)}"
        )
        note(f"{len(known)} faces, {len(kept)} to measure with")
        rng = np.random.default_rng([recipe.seed, 1])
        network = train(
            with_deformations(known + simulated(rng, recipe.persons), rng), recipe, note
        )
        export(network, out)
        note(f"{out.name}: {out.stat().st_size} bytes, sha256 {sha256_of(out)}")
        if kept:
            _tell(CoverModel(out), kept, recipe.seed, note)


def simulated(rng: np.random.Generator, file: Path | None = None) -> list[Portrait]:
    """Portraits of simulated persons, of a file of them or those of gestalt-space."""
    persons = Persons.builtin() if file is None else Persons.load(file)
    return [persons.portrait(persons.sample(rng), rng) for _ in range(PERSONS)]


def with_deformations(
    portraits: Sequence[Portrait], rng: np.random.Generator, share: float = CHANGED_SHARE
) -> list[Portrait]:
    """The portraits, that share of them with a deformation of any kind and severity."""

    def changed(portrait: Portrait) -> Portrait:
        if rng.random() >= share:
            return portrait
        severity = float(np.exp(rng.uniform(np.log(0.5), np.log(MOST_SEVERE))))
        return change(portrait, draw(rng).shown_by(rng, severity).fields_on(portrait))

    return list(map(changed, portraits))


def train(faces: Sequence[Portrait], recipe: CoverRecipe, note: Log) -> CoverNetwork:
    """A network trained on these faces. The same for a recipe, machine and number of threads.

    Raises `DeviceUnavailable`.
    """
    cv2.setNumThreads(1)
    torch.manual_seed(recipe.seed)
    computing = Computing.on(recipe.device)
    computing.repeatable()
    painter = CoverPainter(faces, np.random.default_rng(recipe.seed), without=recipe.without)
    network = computing.placed(CoverNetwork())
    mean = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, recipe.steps))
    counts = torch.from_numpy(OVAL).to(computing.device)

    def drawn_batch(step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([recipe.seed, 2, step])
        return _batch([painter.picture(rng) for _ in range(BATCH)])

    started, losses = time.monotonic(), []
    network.train()
    for step, batch in enumerate(drawn_ahead(drawn_batch, range(1, recipe.steps + 1)), start=1):
        crops, hidden = (part.to(computing.device) for part in batch)
        with computing.mixed():
            logits = network(crops)[:, 0]
        loss = functional.binary_cross_entropy_with_logits(logits[:, counts], hidden[:, counts])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        drift(mean, network, min(KEEP, step / (step + 10)))
        losses.append(float(loss.detach()))
        if step % LOG_EVERY == 0 or step == recipe.steps:
            seconds = time.monotonic() - started
            note(f"step {step}/{recipe.steps} loss {np.mean(losses):.4f} after {seconds:.0f} s")
            losses.clear()
    return mean.cpu()


def _batch(pictures: Sequence[tuple[Pixels, NDArray[np.float32]]]) -> tuple[Tensor, Tensor]:
    crops = torch.from_numpy(np.stack([crop for crop, _ in pictures])).permute(0, 3, 1, 2).float()
    hidden = torch.from_numpy(np.stack([cells for _, cells in pictures]))
    return crops.contiguous(memory_format=torch.channels_last), hidden.reshape(-1, CELLS, CELLS)


def _tell(model: CoverModel, faces: Sequence[Portrait], seed: int, note: Log) -> None:
    """What the model finds in faces as they are, with deformations, and with covers drawn."""
    rng = np.random.default_rng([seed, 3])
    changed = with_deformations(faces, rng, 1.0)
    for what, some in (("as they are", faces), ("with deformations", changed)):
        shares = [model.share(align(face.pixels, face.landmarks)) for face in some]
        told = ", ".join(f"{q:.1%}: {np.quantile(shares, q):.3f}" for q in TELLING_QUANTILES)
        note(f"hidden share of {len(shares)} faces {what}, {told}")
    painter = CoverPainter(faces, np.random.default_rng(seed))
    crops = [align(face.pixels, face.landmarks) for face in faces]
    for kind in KINDS:
        found = [model.share(painter.covered(crop, kind, rng)[0]) for crop in crops]
        told = ", ".join(f"{q:.0%}: {np.quantile(found, q):.3f}" for q in (0.05, 0.25, 0.5))
        note(f"with {kind} drawn, {told}")
