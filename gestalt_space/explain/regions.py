"""Regions of the aligned face, and how much of a map lies in each.

The five landmarks of an aligned face lie on the ArcFace template, so each region has a fixed place.
Each pixel belongs to one region: where two overlap, the first of `REGIONS` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE

OUTSIDE = "outside"

_OUTLINES: Mapping[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "mouth": (((36, 88), (46, 84.5), (56, 86), (66, 84.5), (76, 88), (66, 101), (46, 101)),),
    "philtrum": (((48, 77.5), (64, 77.5), (66, 86), (46, 86)),),
    "nose": (((51, 47), (61, 47), (63, 62), (69, 72), (68, 78), (44, 78), (43, 72), (49, 62)),),
    "eyes": (
        ((25, 50), (31, 45.5), (45, 45.5), (51, 50), (50, 58), (40, 60.5), (30, 60)),
        ((87, 50), (81, 45.5), (67, 45.5), (61, 50), (62, 58), (72, 60.5), (82, 60)),
    ),
    "brows": (((18, 47), (22, 35), (44, 33), (68, 33), (90, 35), (94, 47)),),
    "forehead": (((16, 47), (17, 25), (30, 14), (56, 9), (82, 14), (95, 25), (96, 47)),),
    "jaw": (((17, 86), (95, 86), (88, 112), (24, 112)),),
    "cheeks": (((16, 47), (96, 47), (95, 88), (17, 88)),),
}
"""Corners of each part of a region in pixels of the aligned face."""
REGIONS = (*_OUTLINES, OUTSIDE)
"""All regions, the first one before the others where they overlap. `brows` has what lies between
them, too; `outside` is hair, ears, neck and background."""


@cache
def region_map() -> NDArray[np.uint8]:
    """`(112, 112)`: the number of each pixel's region in `REGIONS`. Not to be changed."""
    found = np.full((SIZE, SIZE), REGIONS.index(OUTSIDE), np.uint8)
    for number, name in reversed(list(enumerate(_OUTLINES))):
        for outline in _OUTLINES[name]:
            cv2.fillPoly(found, [np.rint(outline).astype(np.int32)], number)
    found.flags.writeable = False
    return found


def region_mask(name: str) -> NDArray[np.bool_]:
    """`(112, 112)`: which pixels belong to a region."""
    return np.asarray(region_map() == REGIONS.index(name))


def masses(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much of maps `(…, 112, 112)` speaks for the line in each region: `(…, regions)`, shares
    that sum to 1; all NaN for a map without anything that does."""
    positive = np.maximum(np.asarray(maps, np.float64), 0.0)
    flat = positive.reshape(*positive.shape[:-2], -1)
    sums = np.stack(
        [flat[..., (region_map() == number).ravel()].sum(-1) for number in range(len(REGIONS))], -1
    )
    total = sums.sum(axis=-1, keepdims=True)
    shares = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    return np.asarray(shares, np.float64)
