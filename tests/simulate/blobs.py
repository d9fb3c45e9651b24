"""Bright dots on a grey canvas, and where they are found in a picture made from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gestalt_space.simulate.canvas import SIZE
from gestalt_space.simulate.persons import Portrait
from gestalt_space.types import Landmarks, Pixels

GREY = 100
DOT = 100
WIDTH = 1.2
"""Standard deviation of a dot in pixels."""
AROUND = 6
"""How far from its brightest pixel a dot is looked at."""

Change = Callable[[Portrait], Portrait]


def plain() -> Pixels:
    return np.full((SIZE, SIZE, 3), GREY, np.uint8)


def dotted(points: NDArray[np.floating]) -> Pixels:
    """A grey canvas with a dot at each of `(n, 2)` points."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    picture = np.full((SIZE, SIZE), float(GREY))
    for x, y in points:
        picture += DOT * np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / WIDTH**2)
    return np.repeat(np.rint(picture).astype(np.uint8)[..., None], 3, axis=2)


def centroid(brightness: NDArray[np.floating], near: NDArray[np.floating]) -> NDArray[np.float64]:
    """The middle of the dot whose brightest pixel lies within 16 pixels of a place."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    close = np.hypot(columns - near[0], rows - near[1]) <= 16
    peak = np.unravel_index(np.where(close, brightness, -np.inf).argmax(), brightness.shape)
    close = np.maximum(np.abs(rows - peak[0]), np.abs(columns - peak[1])) <= AROUND
    weights = np.where(close, np.clip(brightness - 4, 0, None), 0.0)
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


def followed(
    change: Change, points: NDArray[np.floating], landmarks: Landmarks
) -> NDArray[np.float64]:
    """Where dots at `(n, 2)` points lie after a change of the picture, `(n, 2)`.

    Each dot is followed alone, against the same change of a canvas without dots.
    """
    ground = change(Portrait(plain(), landmarks)).pixels.astype(float).mean(axis=2)
    places = []
    for point in points:
        after = change(Portrait(dotted(point[None]), landmarks)).pixels
        places.append(centroid(after.astype(float).mean(axis=2) / ground * GREY - GREY, point))
    return np.array(places)
