"""Regions of the aligned face: where eyes, nose, mouth and the other parts lie on the ArcFace
template.

The five landmarks of an aligned face lie on the template, so each region has a fixed place. A place
belongs to one region: where outlines overlap, the first of `REGIONS` has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE

OUTSIDE = "outside"

OUTLINES: Mapping[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "mouth": (((36, 88), (46, 84.5), (56, 86), (66, 84.5), (76, 88), (66, 101), (46, 101)),),
    "philtrum": (((48, 77.5), (64, 77.5), (66, 86), (46, 86)),),
    "nose": (((51, 47), (61, 47), (63, 62), (69, 72), (68, 78), (44, 78), (43, 72), (49, 62)),),
    "eyes": (
        ((25, 50), (31, 45.5), (45, 45.5), (51, 50), (50, 58), (40, 60.5), (30, 60)),
        ((87, 50), (81, 45.5), (67, 45.5), (61, 50), (62, 58), (72, 60.5), (82, 60)),
    ),
    "brows": (((18, 47), (22, 35), (44, 33), (68, 33), (90, 35), (94, 47)),),
    "forehead": (((16, 47), (17, 25), (30, 14), (56, 9), (82, 14), (95, 25), (96, 47)),),
    "jaw": (((17, 86), (95, 86), (88, 112), (68, 122), (44, 122), (24, 112)),),
    "cheeks": (((16, 47), (96, 47), (95, 88), (17, 88)),),
    "ears": (
        ((4, 48), (16, 48), (17, 84), (7, 82)),
        ((108, 48), (96, 48), (95, 84), (105, 82)),
    ),
}
"""Corners of each part of a region in pixels of the aligned face, whose first pixel is the square
from 0 to 1. The chin ends below the 112 pixels."""
REGIONS = (*OUTLINES, OUTSIDE)
"""All regions, the first one before the others where they overlap. `brows` has what lies between
them, too; `outside` is hair, neck and background."""


def region_at(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.int64]:
    """The number in `REGIONS` of the region of each place `(n,)` of the aligned face; places off
    the face, and those that are no number, are outside."""
    found = np.full(len(x), REGIONS.index(OUTSIDE), np.int64)
    for number, outlines in reversed([*enumerate(OUTLINES.values())]):
        for outline in outlines:
            found[_inside(x, y, outline)] = number
    return found


@cache
def region_map() -> NDArray[np.uint8]:
    """`(112, 112)`: the number in `REGIONS` of the region of each pixel's middle. Not to be
    changed."""
    across, down = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    found = region_at(across.ravel(), down.ravel()).astype(np.uint8).reshape(SIZE, SIZE)
    found.flags.writeable = False
    return found


def region_mask(name: str) -> NDArray[np.bool_]:
    """`(112, 112)`: which pixels belong to a region."""
    return np.asarray(region_map() == REGIONS.index(name))


def _inside(
    x: NDArray[np.floating], y: NDArray[np.floating], outline: Sequence[tuple[float, float]]
) -> NDArray[np.bool_]:
    """Whether a ray to the right crosses the outline an odd number of times."""
    inside = np.zeros(len(x), np.bool_)
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if y0 == y1:
            continue
        between = (y0 > y) != (y1 > y)
        inside ^= between & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside
