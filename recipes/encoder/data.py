"""What the built-in encoder is trained on: pairs of different people with one deformation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE
from gestalt_space.simulate.aligned_photos import photographed
from gestalt_space.simulate.persons import Portrait
from gestalt_space.simulate.phenotypes import change
from recipes.encoder.deformations import TARGET_LENGTH, TARGET_POINTS, deform, draw


@dataclass(frozen=True, slots=True)
class Pairs:
    """`crops (n, 2, 112, 112, 3)` uint8 of two people a deformation, and `targets (n, 2, t)`
    float32: what can be seen of it on each.
    """

    crops: NDArray[np.uint8]
    targets: NDArray[np.float32]


def make_pairs(portraits: Sequence[Portrait], count: int, seed: Sequence[int]) -> Pairs:
    """Draw `count` deformations and show each on two people, photographed."""
    rng = np.random.default_rng(seed)
    crops = np.empty((count, 2, SIZE, SIZE, 3), dtype=np.uint8)
    targets = np.empty((count, 2, TARGET_LENGTH), dtype=np.float32)
    for row in range(count):
        deformation = draw(rng)
        severity = float(np.exp(rng.uniform(np.log(0.5), np.log(1.6))))
        for side, person in enumerate(rng.choice(len(portraits), 2, replace=False)):
            fields = deformation.shown_by(rng, severity).fields_on(portraits[person])
            changed, targets[row, side] = deform(portraits[person], fields)
            crops[row, side] = photographed(changed, rng)
    return Pairs(crops, targets)


def mirrored_order() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """How a target changes when the face is mirrored: its new order, and the signs."""
    count = len(TARGET_POINTS)
    mirrored = TARGET_POINTS * [-1, 1] + [160, 0]
    apart = np.abs(mirrored[:, None] - TARGET_POINTS[None]).sum(axis=-1)
    order = np.concatenate([apart.argmin(axis=1) + part * count for part in range(4)])
    signs = np.repeat(np.array([-1, 1, 1, 1], np.float32), count)
    return order, signs


def make_groups(
    portraits: Sequence[Portrait], count: int, people: int, seed: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """`count` deformations, each on `people` people: crops `(n, 112, 112, 3)`, and which it is."""
    rng = np.random.default_rng(seed)
    crops = np.empty((count, people, SIZE, SIZE, 3), dtype=np.uint8)
    for row in range(count):
        deformation = draw(rng)
        for side, person in enumerate(rng.choice(len(portraits), people, replace=False)):
            fields = deformation.shown_by(rng, 1.0).fields_on(portraits[person])
            crops[row, side] = photographed(change(portraits[person], fields), rng)
    return crops.reshape(-1, SIZE, SIZE, 3), np.repeat(np.arange(count), people)
