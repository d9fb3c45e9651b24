"""Faces that the page Ask has shown: it sends back what was found, so that a photo is searched for
faces once. Nothing of it stays here in between. It belongs to the bytes of one photo: one that was
turned or changed since is searched again.

What comes back is what the page says. It can choose where in its own photo a face is, which whoever
crops a photo can as well; points that cannot be a face's are refused as a detector's would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from gestalt_space.faces.detection import FoundBefore
from gestalt_space.service.requests import Name, Sha256
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
    """All faces of a photo, what found them, and the sha256 of the photo's bytes."""

    detector: Name
    sha256: Sha256
    faces: Annotated[list[ShownFace], Field(min_length=1)]

    def found(self) -> FoundBefore:
        """What was found, as the photo's detector."""
        return FoundBefore(self.detector, self.sha256, tuple(map(_detection, self.faces)))


def shown_faces(sha256: str, faces: Sequence[Face]) -> dict[str, object] | None:
    """Faces of the photo of those bytes, for the page to keep and to send back; None where they are
    too many for a field."""
    shown = [
        {
            "box": face.box.tolist(),
            "landmarks": face.landmarks.tolist(),
            "score": face.score,
            "step": face.step,
        }
        for face in faces
    ]
    told = ShownFaces.model_validate(
        {"detector": faces[0].detector, "sha256": sha256, "faces": shown}
    )
    return told.model_dump() if len(told.model_dump_json()) < LONGEST_FIELD else None


def _detection(shown: ShownFace) -> Detection:
    return Detection(
        box=np.array(shown.box, dtype=np.float32),
        landmarks=np.array(shown.landmarks, dtype=np.float32),
        score=shown.score,
        step=shown.step,
    )
