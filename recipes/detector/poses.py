"""Faces turned to the side, up and down: photos of faces moved as if they had a usual face's depth.

Most photos to train on show a face from the front. A face turned by an angle is drawn from them by
rotating each point about the head's middle, with the depth of a smooth head and a nose on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE, TEMPLATE
from recipes.detector.backgrounds import Random

TURNED_SHARE = 0.55
YAW, MOST_YAW = 15.0, 30.0
"""Standard deviation of the turns to the side, and the largest, in degrees."""
PITCH, MOST_PITCH = 9.0, 20.0
MIDDLE = np.array([TEMPLATE[:, 0].mean(), TEMPLATE[2, 1] - 4.0])
"""What a face turns about, in the ArcFace template."""
HEAD = (38.0, 36.0, 50.0)
"""Depth of the head's front before its rim, and its reach to the side and up: pixels of the
template."""
NOSE = (11.0, 6.5, 11.0)
"""The same of the nose, about its tip."""
MARGIN = 64
"""Pixels of the template around it for which the depth is known."""
ROUNDS = 6
"""Steps of the fixed point that takes a turn back."""


@dataclass(frozen=True, slots=True)
class HeadPose:
    """A turn to the side and one up or down, in radians."""

    yaw: float
    pitch: float

    def moved(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points `(n, 2)` of the template come to lie."""
        return points + self._shift(points, depth_at(points))

    def taken_back(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """The points that come to lie at `points (n, 2)`."""
        before = points
        for _ in range(ROUNDS):
            before = points - self._shift(before, depth_at(before))
        return before

    def _shift(
        self, points: NDArray[np.float64], depth: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        off = points - MIDDLE
        return np.column_stack(
            [
                off[:, 0] * (np.cos(self.yaw) - 1) + depth * np.sin(self.yaw),
                off[:, 1] * (np.cos(self.pitch) - 1) + depth * np.sin(self.pitch),
            ]
        )


def drawn_turn(rng: Random) -> HeadPose | None:
    """A turn, or none."""
    if rng.random() >= TURNED_SHARE:
        return None
    yaw = np.clip(rng.normal(0, YAW), -MOST_YAW, MOST_YAW)
    pitch = np.clip(rng.normal(0, PITCH), -MOST_PITCH, MOST_PITCH)
    return HeadPose(float(np.radians(yaw)), float(np.radians(pitch)))


def depth_at(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far before the head's middle a usual face is at points `(n, 2)` of the template."""
    at = (points + MARGIN).astype(np.float32)
    read = cv2.remap(_depth(), at[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read[0], np.float64)


@cache
def _depth() -> NDArray[np.float32]:
    side = SIZE + 2 * MARGIN
    y, x = np.mgrid[:side, :side].astype(np.float64) - MARGIN
    tip = TEMPLATE[2].astype(np.float64)
    depth = np.zeros((side, side))
    for (height, wide, tall), middle in ((HEAD, MIDDLE), (NOSE, tip)):
        away = ((x - middle[0]) / wide) ** 2 + ((y - middle[1]) / tall) ** 2
        depth += height * np.exp(-away / 2)
    return depth.astype(np.float32)
