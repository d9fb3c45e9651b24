"""Aligned crops as PNG: lossless, and without any metadata."""

from __future__ import annotations

import cv2
import numpy as np

from gestalt_space.errors import PhotoDamaged
from gestalt_space.types import Pixels

_QUICK = (cv2.IMWRITE_PNG_COMPRESSION, 1)


def crop_to_png(crop: Pixels) -> bytes:
    """An RGB crop `(h, w, 3)` as the bytes of a PNG file."""
    ok, data = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), _QUICK)
    assert ok, "OpenCV writes any RGB image as PNG"  # noqa: S101
    return bytes(data)


def crop_from_png(png: bytes) -> Pixels:
    """The RGB crop that `crop_to_png` wrote. Raises `PhotoDamaged`."""
    try:
        image = cv2.imdecode(np.frombuffer(png, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise PhotoDamaged("A stored crop is damaged.", "Run `gestalt doctor`.")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
