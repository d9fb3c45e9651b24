"""Training the second look: landmarks of a face that was found, made more exact.

The detector's own landmarks lay the face upright in a small crop, and a second network says where
in it they should have been (as in cascades, Sun 2013, doi:10.1109/CVPR.2013.446).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.faces.builtin import LOOK_PLACES, LOOK_SIDE
from gestalt_space.training.computing import Computing
from gestalt_space.types import Pixels
from recipes.detector.backgrounds import Random, noise, shapes, stripes, words
from recipes.detector.data import SIDE, Faces
from recipes.detector.network import LandmarkNetwork
from recipes.detector.pictures import cover_face, developed
from recipes.detector.poses import HeadPose, drawn_turn
from recipes.detector.training import Log, TrainingPlan, drift, no_log, rate
from recipes.drawing import drawn_ahead

LOOK_STEPS = 9_000
BATCH = 64
RATE = 2e-3
DECAY = 1e-4
KEEP = 0.998
BACKGROUNDS = (noise, shapes, stripes, words)
GROUNDS = 30
"""Pictures of each kind that stand behind the photos."""
COVERED_SHARE = 0.2
SHIFT = 0.07
"""Standard deviation of the detector's mistakes, in distances between the eyes."""
TURN = 6.0
"""The same in degrees."""
STRETCH = 0.08
"""The same as a logarithm of the size."""
ASPECT = 0.05
"""The same of width and height apart: heads differ."""
MISTAKES, SHARES = (0.5, 1.0, 2.0), (0.35, 0.45, 0.2)
"""How large mistakes are beside those, and how often: after one look they are smaller."""
BETWEEN = float(np.linalg.norm(LOOK_PLACES[1] - LOOK_PLACES[0]))
"""Pixels between the eyes in the crop."""


def train_look(
    faces: Faces, plan: TrainingPlan, *, drawn: Faces | None = None, log: Log = no_log
) -> LandmarkNetwork:
    """A second look trained on these faces; `drawn` are mixed in, one in ten."""
    cv2.setNumThreads(1)
    torch.manual_seed(plan.seed)
    computing = Computing.on(plan.device)
    computing.repeatable()
    ground_rng = np.random.default_rng(plan.seed)
    grounds = [background(ground_rng) for _ in range(GROUNDS) for background in BACKGROUNDS]
    network = computing.placed(LandmarkNetwork())
    mean = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, plan.steps))

    def drawn_batch(step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([plan.seed, 2, step])
        return _batch([_example(_any(faces, drawn, rng), grounds, rng) for _ in range(BATCH)])

    started, losses = time.monotonic(), []
    network.train()
    for step, batch in enumerate(drawn_ahead(drawn_batch, range(1, plan.steps + 1)), start=1):
        crops, wanted = (part.to(computing.device) for part in batch)
        with computing.mixed():
            said = network(crops)
        loss = (said - wanted).abs().mean() / BETWEEN
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        drift(mean, network, min(KEEP, step / (step + 10)))
        losses.append(float(loss.detach()))
        if step % plan.log_every == 0 or step == plan.steps:
            seconds = time.monotonic() - started
            log(f"look {step}/{plan.steps} landmarks {np.mean(losses):.4f} after {seconds:.0f} s")
            losses.clear()
    return mean.cpu()


def _any(faces: Faces, drawn: Faces | None, rng: Random) -> tuple[Pixels, NDArray[np.float64]]:
    """A photo, or its mirror image, and its landmarks."""
    chosen = drawn if drawn is not None and rng.random() < 0.1 else faces
    row, mirrored = int(rng.integers(len(chosen))), int(rng.random() < 0.5)
    pixels = chosen.pixels[row]
    if mirrored:
        pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
    return pixels, chosen.landmarks[row, mirrored].astype(np.float64)


def _example(
    face: tuple[Pixels, NDArray[np.float64]], grounds: Sequence[Pixels], rng: Random
) -> tuple[Pixels, NDArray[np.float64]]:
    """A crop as the detector's landmarks would give it, and the true ones in it."""
    pixels, landmarks = face
    if rng.random() < COVERED_SHARE:
        pixels = cover_face(pixels.copy(), landmarks, rng)
    if rng.random() < 0.3:
        pixels = _coarse(pixels, rng)
    to_template = similarity_transform(landmarks, TEMPLATE.astype(np.float64))
    points = _apply(to_template, landmarks)
    turn = drawn_turn(rng)
    if turn is not None:
        points = turn.moved(points)
    to_crop = _mistaken(points, rng)
    crop = developed(_laid(pixels, to_template, turn, to_crop, grounds, rng), rng)
    return crop, _apply(to_crop, points)


def _mistaken(points: NDArray[np.float64], rng: Random) -> NDArray[np.float64]:
    """From the ArcFace template to the crop, `(2, 3)`, off by a detector's mistakes."""
    by = float(rng.choice(MISTAKES, p=SHARES))
    upright = similarity_transform(points, LOOK_PLACES)
    angle = np.radians(rng.normal(0, TURN * by))
    size = float(np.exp(rng.normal(0, STRETCH * by)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * size
    turn = turn @ np.diag(np.exp(rng.normal(0, ASPECT, 2)))
    middle = LOOK_PLACES.mean(axis=0)
    shift = middle - turn @ middle + rng.normal(0, SHIFT * by, 2) * BETWEEN
    return np.column_stack([turn @ upright[:, :2], turn @ upright[:, 2] + shift])


def _laid(
    pixels: Pixels,
    to_template: NDArray[np.float64],
    turn: HeadPose | None,
    to_crop: NDArray[np.float64],
    grounds: Sequence[Pixels],
    rng: Random,
) -> Pixels:
    """The crop; where the photo ends, black, its last pixels repeated, or anything else."""
    kind = int(rng.integers(3))
    crop = np.zeros((LOOK_SIDE, LOOK_SIDE, 3), np.uint8)
    border = (cv2.BORDER_TRANSPARENT, cv2.BORDER_REPLICATE, cv2.BORDER_TRANSPARENT)[kind]
    if kind == 0:
        ground = grounds[int(rng.integers(len(grounds)))]
        top, left = rng.integers(0, len(ground) - LOOK_SIDE, 2)
        crop = np.ascontiguousarray(ground[top : top + LOOK_SIDE, left : left + LOOK_SIDE])
    there = _taken_back(to_crop, _CROP_POINTS)
    if turn is not None:
        there = turn.taken_back(there)
    at = _taken_back(to_template, there).astype(np.float32).reshape(LOOK_SIDE, LOOK_SIDE, 2)
    laid = cv2.remap(pixels, at, None, cv2.INTER_LINEAR, dst=crop, borderMode=border)
    return np.asarray(laid, np.uint8)


_CROP_POINTS = (
    np.stack(np.meshgrid(np.arange(LOOK_SIDE), np.arange(LOOK_SIDE)), axis=-1)
    .reshape(-1, 2)
    .astype(np.float64)
)


def _apply(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def _taken_back(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points that a `(2, 3)` transform carries to `points`."""
    before: NDArray[np.float64] = (points - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    return before


def _coarse(pixels: Pixels, rng: Random) -> Pixels:
    """A photo of a face that was small."""
    side = int(SIDE * rng.uniform(0.15, 0.6))
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (SIDE, SIDE)), np.uint8)


def _batch(examples: Sequence[tuple[Pixels, NDArray[np.float64]]]) -> tuple[Tensor, Tensor]:
    crops = torch.from_numpy(np.stack([crop for crop, _ in examples])).permute(0, 3, 1, 2).float()
    wanted = np.stack([points for _, points in examples]).reshape(len(examples), 10)
    return (
        crops.contiguous(memory_format=torch.channels_last),
        torch.from_numpy(wanted.astype(np.float32)),
    )
