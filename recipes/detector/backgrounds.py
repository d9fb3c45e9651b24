"""What stands behind the faces of training pictures: noise, shapes, stripes, words. Made here."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Pixels

BACKGROUND_SIDE = 384

Random = np.random.Generator


def noise(rng: Random) -> Pixels:
    """Noise of several scales, in colour."""
    total = np.zeros((BACKGROUND_SIDE, BACKGROUND_SIDE, 3), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        cells = int(rng.integers(2, 97))
        coarse = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        coarse = coarse * rng.uniform(0.2, 1) + coarse[:, :, :1] * rng.uniform(0, 1)
        total += cv2.resize(coarse, (BACKGROUND_SIDE, BACKGROUND_SIDE)) * rng.uniform(10, 60)
    return np.asarray(np.clip(total + rng.uniform(20, 235, 3), 0, 255), np.uint8)


def shapes(rng: Random) -> Pixels:
    """Ovals, polygons and lines of any colour, some of them blurred."""
    canvas = np.empty((BACKGROUND_SIDE, BACKGROUND_SIDE, 3), np.uint8)
    canvas[:] = colour(rng)
    for _ in range(int(rng.integers(4, 40))):
        at = point(rng.integers(0, BACKGROUND_SIDE, 2))
        kind = rng.random()
        if kind < 0.35:
            axes = int(rng.integers(3, 90)), int(rng.integers(3, 90))
            angle = rng.uniform(0, 180)
            cv2.ellipse(canvas, at, axes, angle, 0, 360, colour(rng), -1, cv2.LINE_AA)
        elif kind < 0.7:
            corners = rng.normal(at, rng.uniform(10, 70), (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(canvas, [corners.astype(np.int32)], colour(rng), cv2.LINE_AA)
        else:
            end = point(rng.integers(0, BACKGROUND_SIDE, 2))
            cv2.line(canvas, at, end, colour(rng), int(rng.integers(1, 9)), cv2.LINE_AA)
    if rng.random() < 0.4:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(1, 8)), np.uint8)
    return canvas


def stripes(rng: Random) -> Pixels:
    """Waves and stripes laid over each other, between two colours."""
    y, x = np.mgrid[:BACKGROUND_SIDE, :BACKGROUND_SIDE]
    waves = np.zeros((BACKGROUND_SIDE, BACKGROUND_SIDE))
    for _ in range(int(rng.integers(1, 4))):
        angle, length = rng.uniform(0, np.pi), rng.uniform(4, 90)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length)
        waves += np.sign(wave) if rng.random() < 0.4 else wave
    shade = (waves - waves.min()) / max(float(np.ptp(waves)), 1e-6)
    low, high = rng.uniform(0, 255, (2, 3))
    return np.asarray(low + shade[:, :, None] * (high - low), np.uint8)


def words(rng: Random) -> Pixels:
    """A ground full of letters."""
    canvas = np.empty((BACKGROUND_SIDE, BACKGROUND_SIDE, 3), np.uint8)
    canvas[:] = colour(rng)
    for _ in range(int(rng.integers(8, 50))):
        write(canvas, rng)
    return canvas


def write(pixels: Pixels, rng: Random) -> None:
    """Write a few letters somewhere into a picture."""
    letters = "".join(chr(int(v)) for v in rng.integers(48, 123, int(rng.integers(3, 14))))
    at = point(rng.integers(0, len(pixels), 2))
    font, size = int(rng.integers(0, 8)), rng.uniform(0.3, 1.6)
    cv2.putText(pixels, letters, at, font, size, colour(rng), 1, cv2.LINE_AA)


def colour(rng: Random) -> tuple[int, ...]:
    """Any colour."""
    return tuple(int(v) for v in rng.integers(0, 256, 3))


def point(values: NDArray[np.number]) -> tuple[int, int]:
    """The pixel nearest to a place, as OpenCV wants it."""
    return round(float(values[0])), round(float(values[1]))
