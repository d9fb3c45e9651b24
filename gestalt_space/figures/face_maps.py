"""A map of a face, drawn over the face."""

from __future__ import annotations

import cv2
import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from gestalt_space.figures.style import HUES
from gestalt_space.types import Pixels

FOR, AGAINST = HUES[1], HUES[0]
"""The colours of what speaks for a line, and of what speaks against it."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
DENSEST = 0.75
"""How much of the colour covers the face where the map is highest."""
LINE_AT = 0.5
"""Share of the highest value at which a line is drawn, so that the map can be read without
colours."""


def with_map(pixels: Pixels, values: NDArray[np.floating], scale: int = 1) -> Pixels:
    """A picture `(h, w, 3)` with a map `(h, w)` over it, each pixel enlarged to `scale`. Under the
    map the picture is grey; where the map is NaN it stays as it is."""
    height, width = pixels.shape[:2]
    size = (scale * width, scale * height)
    shown = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grey = shown @ LUMA
    has_map = cv2.resize(
        np.isfinite(values).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST
    )
    shown = np.where(has_map[..., None], grey[..., None], shown)
    known = np.nan_to_num(np.asarray(values, np.float32))
    most = float(np.abs(known).max())
    if not most:
        return np.asarray(shown, np.uint8)
    map_ = cv2.resize(known / most, size, interpolation=cv2.INTER_LINEAR)
    for colour, strength in ((FOR, np.maximum(map_, 0)), (AGAINST, np.maximum(-map_, 0))):
        paint = 255 * np.array(to_rgb(colour), np.float32)
        shown += DENSEST * strength[..., None] * (paint - shown)
    drawn = np.ascontiguousarray(np.rint(shown).clip(0, 255).astype(np.uint8))
    highest = float(map_.max())
    if highest > 0:
        high = (map_ >= LINE_AT * highest).astype(np.uint8)
        lines, _ = cv2.findContours(high, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, (255, 255, 255), max(1, round(max(size) / 300)))
    return drawn
