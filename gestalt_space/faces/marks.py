"""What about a found face makes its similarities less sure: too small, blurred, turned, or covered.

Nothing is refused for a mark. The limits are measured (`benchmarks/quality.py`): beyond each of
them, fewer than seven of the ten people who were nearest to a good photo are still nearest to the
same photo made worse, for both encoders that were tried. How much of a face may be covered was
chosen so that few ordinary photos are marked: covers that are smaller than the limit cost as much.
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
MOST_HIDDEN = 10
"""Percent of the face, as in `Quality`: the least limit beyond which at most 1 % of the photos kept
for choosing are, and most of these are covered."""

MarkKind = Literal["small", "blurred", "turned", "covered"]


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
    hidden = round(100 * (quality.hidden or 0.0))
    if hidden > MOST_HIDDEN:
        told = f"covered: about {hidden} % of the face is hidden, more than {MOST_HIDDEN} %"
        found.append(QualityMark("covered", hidden, MOST_HIDDEN, told))
    return tuple(found)
