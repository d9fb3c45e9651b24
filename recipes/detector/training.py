"""Training the built-in detector: targets, loss and loop."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gestalt_space.devices import Device
from gestalt_space.faces.builtin import STRIDES, UNITS, grid
from gestalt_space.training.computing import Computing
from recipes.detector.data import Faces
from recipes.detector.network import DetectorNetwork
from recipes.detector.pictures import Painter, TrainingPicture
from recipes.drawing import drawn_ahead

STEPS = 14_000
SEED = 3
SIZES = ((0.0, 44.0), (30.0, 115.0), (78.0, 1e9))
"""Faces that each scale is to find, by the root of the box's area, in pixels; they overlap."""
CORE = 0.2
"""Cells whose middle is nearer than this to the face's, in sizes of the face, are to find it."""
RIM = 0.42
"""Cells up to this far may find it."""
CANVASES = ((192, 32), (256, 18), (320, 12))
"""Sides of the training pictures in pixels, and how many make a batch; drawn by chance."""
RATE = 2e-3
WARM_STEPS = 300
DECAY = 1e-4
KEEP = 0.998
"""Of the running mean of the weights, kept each step."""
FOCUS = 2.0
"""The exponent of the focal loss (Lin 2017)."""
FACE_WEIGHT = 0.5
"""The weight of a cell that is to find a face; a cell that is not has 1 minus it."""
LANDMARK_WEIGHT = 3.0
BOX_WEIGHT = 0.5

Log = Callable[[str], None]


def no_log(line: str) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long, and from which seed. The same plan and photos give the same network."""

    steps: int = STEPS
    seed: int = SEED
    log_every: int = 100
    device: Device = "auto"


@dataclass(frozen=True, slots=True)
class Batch:
    """`pictures (b, 3, side, side)` uint8; `states (b, cells)` int8: 1 a cell that is to find a
    face, 0 one that is not, -1 either; of the cells with 1, in order: `boxes (m, 4)` middle and
    width and height, `landmarks (m, 5, 2)`, `middles (m, 2)` and `units (m,)` of the cells.
    """

    pictures: Tensor
    states: Tensor
    boxes: Tensor
    landmarks: Tensor
    middles: Tensor
    units: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same batch there."""
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))


def train(
    faces: Faces, plan: TrainingPlan, *, drawn: Faces | None = None, log: Log = no_log
) -> DetectorNetwork:
    """A network trained on pictures of these faces; `drawn` are mixed in, one in ten.

    The same arguments give the same network on the same machine, with as many threads. Raises
    `DeviceUnavailable`.
    """
    cv2.setNumThreads(1)
    torch.manual_seed(plan.seed)
    computing = Computing.on(plan.device)
    computing.repeatable()
    painter = Painter(faces, np.random.default_rng(plan.seed), drawn)
    network = computing.placed(DetectorNetwork())
    mean = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, plan.steps))

    def drawn_batch(step: int) -> Batch:
        rng = np.random.default_rng([plan.seed, 1, step])
        side, count = CANVASES[int(rng.integers(len(CANVASES)))]
        return batched([painter.picture(side, rng) for _ in range(count)])

    started, losses = time.monotonic(), []
    network.train()
    for step, drawn_one in enumerate(drawn_ahead(drawn_batch, range(1, plan.steps + 1)), start=1):
        batch = drawn_one.to(computing.device)
        parts = loss(_forward(network, batch.pictures, computing), batch)
        optimizer.zero_grad(set_to_none=True)
        parts.sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        drift(mean, network, min(KEEP, step / (step + 10)))
        losses.append(parts.detach().cpu().numpy())
        if step % plan.log_every == 0 or step == plan.steps:
            found, box, points = np.mean(losses, axis=0)
            log(
                f"step {step}/{plan.steps} face {found:.4f} box {box:.4f} landmarks {points:.4f} "
                f"after {time.monotonic() - started:.0f} s"
            )
            losses.clear()
    return mean.cpu()


def batched(pictures: Sequence[TrainingPicture]) -> Batch:
    """Pictures of one side as a batch, with what each cell is to say."""
    side = len(pictures[0].pixels)
    middles, units = grid(side, side)
    states = np.zeros((len(pictures), len(middles)), np.int8)
    boxes, landmarks, at = [], [], []
    scales = [_cells_of(scale, units) for scale in range(len(STRIDES))]
    for number, picture in enumerate(pictures):
        owner = np.full(len(middles), -1)
        nearest = np.full(len(middles), np.inf)
        for face, box in enumerate(picture.boxes):
            _assign(states[number], owner, nearest, picture, face, box, middles, scales)
        cells = np.flatnonzero(states[number] == 1)
        for cell in cells:
            box = picture.boxes[owner[cell]]
            boxes.append(np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]]))
            landmarks.append(picture.landmarks[owner[cell]])
        at.append(cells)
    cells = np.concatenate(at)
    stacked = np.stack([picture.pixels for picture in pictures])
    return Batch(
        torch.from_numpy(stacked).permute(0, 3, 1, 2),
        torch.from_numpy(states),
        torch.from_numpy(np.array(boxes, np.float32).reshape(-1, 4)),
        torch.from_numpy(np.array(landmarks, np.float32).reshape(-1, 5, 2)),
        torch.from_numpy(middles[cells]),
        torch.from_numpy(units[cells]),
    )


def _cells_of(scale: int, units: NDArray[np.float32]) -> slice:
    cells = np.flatnonzero(units == UNITS[scale])
    return slice(int(cells[0]), int(cells[-1]) + 1)


def _assign(
    states: NDArray[np.int8],
    owner: NDArray[np.int_],
    nearest: NDArray[np.float64],
    picture: TrainingPicture,
    face: int,
    box: NDArray[np.float64],
    middles: NDArray[np.float32],
    scales: Sequence[slice],
) -> None:
    """Give a face its cells; a cell between two faces belongs to the nearer one."""
    size = float(np.sqrt(np.prod(box[2:] - box[:2])))
    centre = (box[:2] + box[2:]) / 2
    for stride, (low, high), cells in zip(STRIDES, SIZES, scales, strict=True):
        away = np.abs(middles[cells] - centre).max(axis=1)
        if not picture.counted[face] or not low <= size < high:
            # Only the scale that is meant says yes or no for sure.
            may = (
                away < max(RIM * size, stride) if not picture.counted[face] else away < CORE * size
            )
            states[cells][may & (states[cells] == 0)] = -1
            continue
        core = away <= max(CORE * size, 0.75 * stride)
        rim = (away <= max(RIM * size, 1.1 * stride)) & ~core
        states[cells][rim & (states[cells] == 0)] = -1
        won = core & (away < nearest[cells])
        states[cells][won] = 1
        owner[cells][won] = face
        nearest[cells][won] = away[won]


def loss(cells: Tensor, batch: Batch) -> Tensor:
    """`(3,)`: focal loss of the faces, and the weighted errors of boxes and landmarks.

    `cells (b, 15, n)`. Landmark errors count in sizes of the face, a mean of absolute values, so
    that the median of the errors is what is learned, and not a few bad examples.
    """
    known = batch.states >= 0
    wanted = (batch.states == 1).float()
    logits = cells[:, 0]
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    missed = torch.abs(wanted - torch.sigmoid(logits))
    share = wanted * FACE_WEIGHT + (1 - wanted) * (1 - FACE_WEIGHT)
    count = max(1, len(batch.boxes))
    face = (share * missed**FOCUS * entropy * known).sum() / count
    rows = cells.permute(0, 2, 1)[batch.states == 1]
    units = batch.units[:, None]
    size = torch.sqrt(batch.boxes[:, 2] * batch.boxes[:, 3])[:, None]
    middle = (batch.middles + rows[:, 1:3] * units - batch.boxes[:, :2]).abs() / size
    extent = (rows[:, 3:5] - torch.log(batch.boxes[:, 2:] / units)).abs()
    points = batch.middles[:, None] + rows[:, 5:].reshape(-1, 5, 2) * units[:, None]
    apart = (points - batch.landmarks).abs().mean(dim=(1, 2)) / size[:, 0]
    box = (middle.sum() + extent.sum()) / (4 * count)
    return torch.stack([face, BOX_WEIGHT * box, LANDMARK_WEIGHT * apart.sum() / count])


def _forward(network: DetectorNetwork, pictures: Tensor, computing: Computing) -> Tensor:
    pictures = pictures.float().contiguous(memory_format=torch.channels_last)
    with computing.mixed():
        cells: Tensor = network(pictures)
    return cells


def rate(step: int, steps: int) -> float:
    """A short rise, then half a cosine down to nothing."""
    if step < WARM_STEPS:
        return (step + 1) / WARM_STEPS
    return 0.5 * (1 + float(np.cos(np.pi * min(1.0, step / steps))))


@torch.no_grad()
def drift(mean: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the running mean of weights and norms towards the network."""
    for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)
