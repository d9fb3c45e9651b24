"""Maps by random masks: RISE (Petsiuk 2018, arXiv 1806.07421), with ordinary faces as fills."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gestalt_space.explain.face_map import FaceMap
from gestalt_space.explain.fills import typical_fills
from gestalt_space.explain.occlusion import Masks, hidden
from gestalt_space.explain.targets import Target
from gestalt_space.faces.alignment import SIZE
from gestalt_space.types import Pixels

CELLS = 8
"""Of a row of a mask, before it is enlarged and moved by a part of a cell."""
MASKS, FILLS = 1000, 8
REPEATS = 20
"""Into how many maps the masks are divided, for intervals."""


@dataclass(frozen=True)
class RandomMasks:
    """A place speaks for the line by the covariance of the score with its being seen, over `masks`
    masks that each hide half of the face. A repeat is a twentieth of the masks."""

    masks: int = MASKS
    seed: int = 0

    def explain(self, crop: Pixels, target: Target) -> FaceMap:
        """An aligned face to its map."""
        fills = typical_fills(crop, FILLS, self.seed)
        each = -(-self.masks // REPEATS)
        repeats, scores = [], []
        for masks in np.split(random_masks(each * REPEATS, self.seed), REPEATS):
            parts = [
                target.scores(hidden(crop, fill, masks[place::FILLS]))
                for place, fill in enumerate(fills)
            ]
            score = np.empty(len(masks))
            for place, part in enumerate(parts):
                score[place::FILLS] = part
            scores.append(score)
            repeats.append(masks)
        mean = np.mean(scores)
        seen = 1 - np.mean([masks.mean(axis=0) for masks in repeats], axis=0)
        return FaceMap(
            np.stack(
                [
                    np.tensordot(score - mean, 1 - masks - seen, 1).astype(np.float32) / len(score)
                    for score, masks in zip(scores, repeats, strict=True)
                ]
            )
        )


@lru_cache(maxsize=2)
def random_masks(count: int, seed: int) -> Masks:
    """What masks hide, `(count, 112, 112)`, 0..1."""
    rng = np.random.default_rng([seed, 22])
    cell = SIZE // CELLS
    side = (CELLS + 1) * cell
    found = np.empty((count, SIZE, SIZE), np.float32)
    for place in range(count):
        coarse = (rng.random((CELLS + 1, CELLS + 1)) < 0.5).astype(np.float32)
        fine = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_LINEAR)
        top, left = rng.integers(0, cell, 2)
        found[place] = fine[top : top + SIZE, left : left + SIZE]
    found.flags.writeable = False
    return found
