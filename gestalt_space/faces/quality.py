"""How good the photo of a face is: sharpness, size, a rough pose, and what hides the face."""

from __future__ import annotations

import math

import cv2
import numpy as np

from gestalt_space.faces.cover import hidden_share
from gestalt_space.types import Detection, Landmarks, Pixels, Quality

NOSE_DEPTH = 0.55
"""Height of the tip of the nose over the plane of the eyes, in distances between the eyes: a mean
of adult faces, good enough to tell a turned face from a frontal one."""


FACE = (slice(36, 104), slice(28, 84))
"""Rows and columns of the aligned crop that show the face, and neither hair nor background."""


def quality(detection: Detection, crop: Pixels) -> Quality:
    """Quality of a face from its detection and its aligned crop `(112, 112, 3)`.

    Raises `ModelDamaged` where the built-in cover network does not open.
    """
    x0, y0, x1, y1 = (float(v) for v in detection.box)
    return Quality(
        sharpness=sharpness(crop),
        size=min(x1 - x0, y1 - y0),
        yaw=yaw(detection.landmarks),
        roll=roll(detection.landmarks),
        hidden=hidden_share(crop),
    )


def sharpness(crop: Pixels) -> float:
    """Variance of the Laplacian of the grey crop (Pech-Pacheco 2000); higher is sharper.

    From brows to chin and between the temples alone: where the photo ends, the crop has an edge to
    black, which is sharp whatever the face is.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[FACE].var())


def eye_distance(landmarks: Landmarks) -> float:
    """Pixels of the photo between the eyes."""
    return float(np.hypot(*(landmarks[1] - landmarks[0]).astype(np.float64)))


def roll(landmarks: Landmarks) -> float:
    """Angle of the line between the eyes in degrees, -180..180, positive clockwise."""
    dx, dy = (float(v) for v in landmarks[1] - landmarks[0])
    return math.degrees(math.atan2(dy, dx))


def yaw(landmarks: Landmarks) -> float:
    """Turn of the head in degrees, -90..90, positive to the image's right: a rough estimate.

    From how far the tip of the nose lies off the middle between the eyes, along their line.
    """
    across = (landmarks[1] - landmarks[0]).astype(np.float64)
    between = eye_distance(landmarks)
    if between == 0:
        return math.copysign(90.0, float(landmarks[2, 0] - landmarks[0, 0]))
    offset = float((landmarks[2] - (landmarks[0] + landmarks[1]) / 2) @ across) / between
    return math.degrees(math.atan(offset / (NOSE_DEPTH * between)))
