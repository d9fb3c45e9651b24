"""Sharpening of averages: an average loses fine contrasts, which are raised to those of a typical
face of the group, place by place, at most twofold (after Tiddeman, Burt and Perrett 2001,
doi:10.1109/38.946630). The result is no longer an average."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Pixels

SCALES = (2.0, 4.0, 8.0, 16.0)
"""Pixels that are blurred over between one scale of contrasts and the next."""
_MOST_CONTRAST = 2.0


def with_contrast(average: Pixels, wanted: NDArray[np.float32]) -> Pixels:
    """An average whose lightness has, at each scale and place, the contrasts `wanted` `(scales,
    336, 336)`, but at most twice its own."""
    in_lab = lab_of(average)
    has, bands, rest = contrasts_of(in_lab[..., 0])
    gain = np.clip(wanted / np.maximum(has, 1e-3), 1, _MOST_CONTRAST)
    in_lab[..., 0] = np.clip(rest + (gain * bands).sum(0), 0, 100)
    in_rgb = cv2.cvtColor(in_lab, cv2.COLOR_LAB2RGB)
    return np.asarray(np.rint(np.clip(in_rgb, 0, 1) * 255), dtype=np.uint8)


def lab_of(pixels: Pixels) -> NDArray[np.float32]:
    """Lightness, 0..100, and colour (CIE 1976 L*a*b*)."""
    in_lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(in_lab, dtype=np.float32)


def contrasts_of(
    lightness: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The strength of contrasts around each pixel, at each scale; the contrasts, each `(scales, h,
    w)`; and what remains without them."""
    bands, strengths, rest = [], [], lightness
    for scale in SCALES:
        blurred = cv2.GaussianBlur(rest, (0, 0), scale)
        bands.append(rest - blurred)
        strengths.append(cv2.GaussianBlur(np.abs(bands[-1]), (0, 0), 2 * scale))
        rest = blurred
    return np.stack(strengths), np.stack(bands), np.asarray(rest, np.float32)
