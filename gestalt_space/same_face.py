"""Whether two findings in one photo are of the same face, and how far apart its landmarks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Corners: TypeAlias = Sequence[float] | NDArray[np.float32]
"""A box: x0, y0, x1, y1."""

SAME_BOX = 0.5
"""Boxes of one face overlap by more than this: intersection over union."""


def is_same_face(box: Corners, landmarks: ArrayLike, other_box: Corners, other: ArrayLike) -> bool:
    """Whether two findings, of one detector or two, are of one face of a photo.

    By their boxes; and since detectors draw boxes differently, by the middle of their landmarks
    too: two heads cannot be closer than the eyes of one.
    """
    if overlap(box, other_box) > SAME_BOX:
        return True
    points, others = _points(landmarks), _points(other)
    apart = float(np.linalg.norm(points.mean(axis=0) - others.mean(axis=0)))
    return apart < max(_eye_distance(points), _eye_distance(others))


def overlap(box: Corners, other: Corners) -> float:
    """Intersection over union, 0..1, of two boxes x0, y0, x1, y1."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    both = max(0.0, float(width)) * max(0.0, float(height))
    either = _area(box) + _area(other) - both
    return both / either if either > 0 else 0.0


def landmarks_moved(landmarks: ArrayLike, other: ArrayLike) -> float:
    """The mean distance of like landmarks, as a share of the first's distance between the eyes."""
    points, others = _points(landmarks), _points(other)
    moved = float(np.linalg.norm(points - others, axis=1).mean())
    return moved / max(_eye_distance(points), 1e-6)


def _points(landmarks: ArrayLike) -> np.ndarray:
    return np.asarray(landmarks, dtype=np.float64).reshape(5, 2)


def _eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[1] - points[0]))


def _area(box: Corners) -> float:
    return max(0.0, float(box[2] - box[0])) * max(0.0, float(box[3] - box[1]))
