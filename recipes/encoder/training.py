"""The built-in encoder: a small convolutional network, trained from scratch on simulated patients.

It learns two things at once: to tell the deformation that a face carries, point by point (a
regression), and to lay two people who carry one deformation close together and others apart (the
contrastive loss of van den Oord 2018, arXiv 1807.03748). Identity is what it has to see past: the
two faces of a pair are two people's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from gestalt_space.devices import Device
from gestalt_space.encoders.preparation import level_numbers
from gestalt_space.training.computing import Computing
from gestalt_space.weights.builtin_models import ENCODER_MEAN, ENCODER_STD
from recipes.encoder.data import Pairs, mirrored_order
from recipes.encoder.network import COMPONENTS, EncoderNetwork

TEMPERATURE = 0.1
REPORT_EVERY = 100


@dataclass(frozen=True, slots=True)
class TargetScaling:
    """How targets are told: their mean, their principal components `(k, t)`, the deviations."""

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    deviations: NDArray[np.float32]

    @classmethod
    def fit(cls, targets: NDArray[np.float32], seed: int) -> TargetScaling:
        """Fit to `(n, t)` targets."""
        from sklearn.decomposition import PCA

        pca = PCA(COMPONENTS, svd_solver="randomized", random_state=seed).fit(targets)
        return cls(
            pca.mean_.astype(np.float32),
            pca.components_.astype(np.float32),
            np.sqrt(pca.explained_variance_).astype(np.float32),
        )

    def tell(self, targets: NDArray[np.float32]) -> NDArray[np.float32]:
        """`(n, t)` to `(n, k)`, halfway between plain and whitened components."""
        scores = (targets - self.mean) @ self.components.T
        return np.asarray(scores / np.sqrt(self.deviations * self.deviations[0]), np.float32)


@dataclass(frozen=True, slots=True)
class TrainingStage:
    """A part of the training: `pairs` in a batch, `steps`, and the weight of the contrastive loss.

    `rates`: learning rates at its start and end, between them half a cosine.
    """

    pairs: int
    steps: int
    contrast: float
    rates: tuple[float, float]


STAGES = (
    TrainingStage(pairs=16, steps=7_000, contrast=0.0, rates=(1e-3, 7e-4)),
    TrainingStage(pairs=64, steps=2_500, contrast=0.3, rates=(1e-3, 0.0)),
    TrainingStage(pairs=96, steps=2_500, contrast=0.5, rates=(7e-4, 0.0)),
)
"""Small batches first: from scratch it is the number of steps that makes geometry seen at all."""
WARM_UP = 200
DECAY = 0.02

Report = Callable[[int, float, float], None]
"""Told the step and the means of the two losses since the last report."""


def train(
    pairs: Pairs,
    telling: TargetScaling,
    report: Report,
    *,
    stages: Sequence[TrainingStage] = STAGES,
    seed: int = 11,
    device: Device = "auto",
) -> EncoderNetwork:
    """Train a network on pairs. The same on a machine for a seed and a number of threads.

    Raises `DeviceUnavailable`.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    computing = Computing.on(device)
    computing.repeatable()
    network = computing.placed(EncoderNetwork())
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    order, signs = mirrored_order()
    step = 0
    sums = np.zeros(2)
    for stage in stages:
        for batch, rate in zip(_batches(rng, len(pairs.crops), stage), _rates(stage), strict=True):
            step += 1
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, step / WARM_UP)
            crops = pairs.crops[batch].transpose(1, 0, 2, 3, 4).reshape(-1, 112, 112, 3)
            targets = pairs.targets[batch].transpose(1, 0, 2).reshape(len(crops), -1)
            if rng.random() < 0.5:
                crops, targets = crops[:, :, ::-1], targets[:, order] * signs
            images = _varied(torch.from_numpy(np.ascontiguousarray(crops))).to(computing.device)
            with computing.mixed():
                features = network.trunk(images)
            features = features.float()
            told = torch.from_numpy(telling.tell(targets)).to(computing.device)
            regression = 4 * functional.mse_loss(network.told(features), told)
            contrast = contrastive_loss(network.space(features))
            loss = regression + stage.contrast * contrast if stage.contrast else regression
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            sums += regression.item(), contrast.item()
            if step % REPORT_EVERY == 0:
                report(step, *(sums / REPORT_EVERY).tolist())
                sums[:] = 0
    return network.cpu().eval()


def _batches(
    rng: np.random.Generator, count: int, stage: TrainingStage
) -> Iterator[NDArray[np.int64]]:
    """Rows of each step: all pairs once in each round, in a new order."""
    rows: list[int] = []
    for _ in range(stage.steps):
        while len(rows) < stage.pairs:
            rows += rng.permutation(count).tolist()
        yield np.sort(np.array(rows[: stage.pairs]))
        rows = rows[stage.pairs :]


def _rates(stage: TrainingStage) -> Iterator[float]:
    high, low = stage.rates
    for step in range(stage.steps):
        yield low + (high - low) * 0.5 * (1 + math.cos(math.pi * step / stage.steps))


def contrastive_loss(features: Tensor) -> Tensor:
    """How hard partners are to find: features `(2n, d)`, the second half partners of the first."""
    unit = functional.normalize(features, dim=1)
    count = len(unit) // 2
    similarity = unit @ unit.T / TEMPERATURE
    similarity.fill_diagonal_(-torch.inf)
    partners = torch.arange(2 * count, device=unit.device).roll(count)
    return functional.cross_entropy(similarity, partners)


@torch.no_grad()
def centre(network: EncoderNetwork, crops: NDArray[np.uint8]) -> None:
    """Lay the middle of faces without a deformation, `(n, 112, 112, 3)`, on the origin.

    So the angle between two descriptors is not made smaller by what all faces share.
    """
    parts = [network(normalised(torch.from_numpy(part))) for part in np.array_split(crops, 20)]
    network.space.bias.sub_(torch.cat(parts).mean(dim=0))


def normalised(crops: Tensor) -> Tensor:
    """Aligned faces `(n, 112, 112, 3)` uint8 to the network's input."""
    images = crops.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
    mean, scale = map(torch.from_numpy, level_numbers(ENCODER_MEAN, ENCODER_STD))
    return (images - mean) * scale


def _varied(crops: Tensor) -> Tensor:
    """Brightness and contrast drawn again for each sight of a face, and one patch taken out."""
    images = normalised(crops)
    count = len(images)
    gain = 1 + 0.15 * torch.randn(count, 1, 1, 1)
    shift = 0.06 * torch.randn(count, 3, 1, 1) + 0.1 * torch.randn(count, 1, 1, 1)
    images.mul_(gain).add_(shift)
    if torch.rand(()) < 0.3:
        y, x = (int(torch.randint(0, 88, ())) for _ in range(2))
        images[:, :, y : y + 24, x : x + 24] = 0
    return images.to(memory_format=torch.channels_last)
