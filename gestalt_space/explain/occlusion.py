"""Maps by hiding: how much less a face looks like a line when a part of it is made ordinary.

Patches after Zeiler and Fergus (2014, arXiv 1311.2901), with soft edges, so that they draw no lines
into the face; and the regions of the face as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.fills import Levels, typical_fills
from gestalt_space.explain.targets import Floats, Target
from gestalt_space.faces.alignment import SIZE
from gestalt_space.faces.regions import REGIONS, region_map
from gestalt_space.types import Crops, Pixels

PATCHES = 14
"""Of a row and of a column."""
PATCH_SPREAD = 5.0
"""Standard deviation in pixels of a patch's soft edge; patches are 8 pixels apart."""
EDGE_SPREAD = 1.5
"""Of a region's."""
FILLS = 6
"""How often each part is hidden, each time by another person's."""

Masks = NDArray[np.float32]
"""`(m, 112, 112)`, 0..1: what is hidden."""


@dataclass(frozen=True)
class PatchOcclusion:
    """14 × 14 patches, each hidden by `fills` fills. A repeat is all patches with one fill."""

    fills: int = FILLS
    seed: int = 0

    def explain(self, crop: Pixels, target: Target) -> FaceMap:
        """An aligned face to its map."""
        masks = patch_masks()
        repeats = []
        for drop in hidden_drops(crop, target, masks, self.fills, self.seed):
            grid = drop.reshape(PATCHES, PATCHES).astype(np.float32)
            repeats.append(cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC))
        return FaceMap(np.stack(repeats))


@dataclass(frozen=True)
class RegionOcclusion:
    """Each region of the face, hidden by `fills` fills. The map has one value in all of a region,
    for each of its pixels alike, so that sums over regions are what hiding them costs."""

    fills: int = FILLS
    seed: int = 0

    def explain(self, crop: Pixels, target: Target) -> FaceMap:
        """An aligned face to its map."""
        numbers = region_map()
        areas = np.bincount(numbers.ravel(), minlength=len(REGIONS))
        drops = hidden_drops(crop, target, region_masks(), self.fills, self.seed)
        return FaceMap(np.stack([(drop / areas)[numbers].astype(np.float32) for drop in drops]))


def hidden_drops(crop: Pixels, target: Target, masks: Masks, fills: int, seed: int) -> list[Floats]:
    """For each fill, by how much the score falls when what a mask says is hidden: `(m,)`."""
    whole = target.scores(crop[None])[0]
    return [
        whole - target.scores(hidden(crop, fill, masks))
        for fill in typical_fills(crop, fills, seed)
    ]


def hidden(crop: Pixels, fill: Levels, masks: Masks) -> Crops:
    """A face with fill in the place of what masks `(m, 112, 112)` hide: `(m, 112, 112, 3)`."""
    base = crop.astype(np.float32)
    mixed = base + masks[..., None] * (fill - base)
    return np.rint(mixed, out=mixed).astype(np.uint8)


@lru_cache(maxsize=1)
def patch_masks() -> Masks:
    """The patches `(196, 112, 112)`, row by row."""
    middles = (np.arange(PATCHES) + 0.5) * SIZE / PATCHES - 0.5
    bells = np.exp(-0.5 * ((np.arange(SIZE) - middles[:, None]) / PATCH_SPREAD) ** 2)
    found = np.einsum("iy,jx->ijyx", bells, bells).reshape(-1, SIZE, SIZE)
    return np.asarray(found, np.float32)


@lru_cache(maxsize=1)
def region_masks() -> Masks:
    """The regions `(r, 112, 112)` in the order of `REGIONS`, with soft edges."""
    whole = (region_map() == np.arange(len(REGIONS))[:, None, None]).astype(np.float32)
    return np.stack([cv2.GaussianBlur(one, (0, 0), EDGE_SPREAD) for one in whole])
