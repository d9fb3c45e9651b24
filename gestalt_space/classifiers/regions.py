"""Regions of a face.

The five landmarks of an aligned face lie on the ArcFace template, so each region is a fixed
rectangle of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from gestalt_space.types import Crops
from gestalt_space.weights.classifier_facts import RegionView

SIDE = 112
GREY = 128
"""Level of what is not in the region."""

REGIONS: Mapping[str, tuple[int, int, int, int]] = {
    "face": (0, 0, SIDE, SIDE),
    "eyes": (10, 30, 102, 72),
    "nose": (40, 42, 72, 86),
    "mouth": (26, 72, 86, 112),
    "upper": (0, 0, SIDE, 72),
    "lower": (0, 60, SIDE, SIDE),
    "right": (0, 0, 56, SIDE),
    "left": (56, 0, SIDE, SIDE),
}
"""Left, top, right and bottom edge in pixels of the aligned face. `right` and `left` are the
patient's own: `right` is on the left of the picture."""

_HALVES = frozenset({"right", "left"})


def cut(crops: Crops, region: str, view: RegionView) -> Crops:
    """A region of aligned faces `(n, 112, 112, 3)` uint8 RGB, as pictures of the same size.

    `enlarged`: stretched to the whole picture. `in-place`: where it is, the rest grey.
    """
    left, top, right, bottom = REGIONS[region]
    if (right - left, bottom - top) == (SIDE, SIDE):
        return crops
    if view == "in-place":
        placed = np.full_like(crops, GREY)
        placed[:, top:bottom, left:right] = crops[:, top:bottom, left:right]
        return placed
    shown = np.empty_like(crops)
    for number, crop in enumerate(crops):
        part = np.ascontiguousarray(crop[top:bottom, left:right])
        cv2.resize(part, (SIDE, SIDE), dst=shown[number], interpolation=cv2.INTER_LINEAR)
    return shown


def is_half(region: str) -> bool:
    """Whether the mirror image of this region is another region."""
    return region in _HALVES
