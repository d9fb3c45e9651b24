"""Faces that the page Ask has shown: it sends back what was found, so that a photo is searched for
faces once. Nothing of it stays here in between.

What comes back is what the page says. It can choose where in its own photo a face is, which whoever
crops a photo can as well; points that cannot be a face's are refused as a detector's would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from gestalt_space.faces.detection import FoundBefore
from gestalt_space.service.requests import Name
from gestalt_space.service.uploads import LONGEST_FIELD
from gestalt_space.types import Detection, Face

_Number = Annotated[float, Field(ge=-1e6, le=1e6)]
_Point = tuple[_Number, _Number]


class ShownFace(BaseModel):
    """A face as it was found, in pixels of the photo, each number a float32 to the last digit."""

    box: tuple[_Number, _Number, _Number, _Number]
    landmarks: tuple[_Point, _Point, _Point, _Point, _Point]
    score: Annotated[float, Field(ge=0, le=1)]
    step: Name


class ShownFaces(BaseModel):
    """All faces of a photo, and what found them."""

    detector: Name
    faces: Annotated[list[ShownFace], Field(min_length=1)]

    def found(self, detector: str) -> FoundBefore | None:
        """What was found, as the photo's detector; None where the service's is another by now."""
        if self.detector != detector:
            return None
        return FoundBefore(detector, tuple(map(_detection, self.faces)))


def shown_faces(faces: Sequence[Face]) -> dict[str, object] | None:
    """Faces for the page to keep and to send back; None where they are too many for a field."""
    shown = [
        {
            "box": face.box.tolist(),
            "landmarks": face.landmarks.tolist(),
            "score": face.score,
            "step": face.step,
        }
        for face in faces
    ]
    told = ShownFaces.model_validate({"detector": faces[0].detector, "faces": shown})
    return told.model_dump() if len(told.model_dump_json()) < LONGEST_FIELD else None


def _detection(shown: ShownFace) -> Detection:
    return Detection(
        box=np.array(shown.box, dtype=np.float32),
        landmarks=np.array(shown.landmarks, dtype=np.float32),
        score=shown.score,
        step=shown.step,
    )
