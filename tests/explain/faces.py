"""Targets and maps whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.targets import Floats
from gestalt_space.types import Crops, Pixels
from tests import made

PLACE = (slice(64, 80), slice(40, 56))
"""Rows and columns of what decides the score of `PatchTarget`."""


@dataclass(frozen=True)
class PatchTarget:
    """The score is how much one patch looks as it does in a face, and nothing else."""

    face: Pixels

    def scores(self, crops: Crops) -> Floats:
        apart = crops[:, *PLACE].astype(np.float64) - self.face[PLACE]
        return -np.abs(apart).mean(axis=(1, 2, 3))


def face(seed: int = 3) -> Pixels:
    return made.crop(seed)


def spot(row: int, column: int, *, repeats: int = 6, width: float = 4.0) -> FaceMap:
    """A map with one bell, a little different in each repeat."""
    rows, columns = np.mgrid[:112, :112]
    rng = np.random.default_rng(1)
    bells = [
        np.exp(-(((rows - row) ** 2 + (columns - column) ** 2) / (2 * (width + extra) ** 2)))
        for extra in rng.uniform(0, 1, repeats)
    ]
    return FaceMap(np.stack(bells).astype(np.float32))
