"""What about a found face makes its similarities less sure: too small, blurred, or turned.

Nothing is refused for a mark. The limits are measured (`benchmarks/quality.py`): beyond each of
them, fewer than seven of the ten people who were nearest to a good photo are still nearest to the
same photo made worse, for both encoders that were tried. That a face is covered is not told: the
score of a detector falls for that as it does for blur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gestalt_space.faces.quality import eye_distance
from gestalt_space.types import Landmarks, Quality

LEAST_EYE_DISTANCE = 14
"""Pixels between the eyes."""
LEAST_SHARPNESS = 25
"""As in `Quality`."""
MOST_YAW = 15
"""Degrees, as in `Quality`."""

MarkKind = Literal["small", "blurred", "turned"]


@dataclass(frozen=True, slots=True)
class QualityMark:
    """One thing about a face: `value`, rounded, lies beyond `limit`. `reason`: in words."""

    kind: MarkKind
    value: int
    limit: int
    reason: str


def marks_of(landmarks: Landmarks, quality: Quality) -> tuple[QualityMark, ...]:
    """What makes a face's similarities less sure; nothing for a good photo.

    A small face is not called blurred as well: enlarged to the size of the aligned face, it has no
    fine contrasts.
    """
    found = []
    # Whole numbers are compared, since the reason shows whole numbers.
    eyes, sharpness = round(eye_distance(landmarks)), round(quality.sharpness)
    yaw = round(abs(quality.yaw))
    if eyes < LEAST_EYE_DISTANCE:
        told = f"small: {eyes} pixels between the eyes, fewer than {LEAST_EYE_DISTANCE}"
        found.append(QualityMark("small", eyes, LEAST_EYE_DISTANCE, told))
    elif sharpness < LEAST_SHARPNESS:
        told = f"blurred: sharpness {sharpness}, below {LEAST_SHARPNESS}"
        found.append(QualityMark("blurred", sharpness, LEAST_SHARPNESS, told))
    if yaw > MOST_YAW:
        told = f"turned: about {yaw}° to the side, more than {MOST_YAW}°"
        found.append(QualityMark("turned", yaw, MOST_YAW, told))
    return tuple(found)
