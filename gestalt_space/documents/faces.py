"""`gestalt faces --json`: all faces of photos, and what of them makes a match less sure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.documents.form import Form
from gestalt_space.documents.parts import (
    ErrorForm,
    FaceForm,
    PassedOverForm,
    error_form,
    face_form,
)
from gestalt_space.errors import GestaltError
from gestalt_space.types import Face


class FacesOfPhotoForm(Form):
    """The faces of a photo, the largest first; with an error there are none."""

    photo: str
    error: ErrorForm | None
    faces: list[FaceForm]


class FacesDocument(Form):
    """Faces that were found, by a `detector`."""

    document: Literal["faces"]
    version: Literal[1]
    detector: str
    photos: list[FacesOfPhotoForm]
    passed_over: list[PassedOverForm]


def faces_document(
    detector: str,
    found: Iterable[tuple[str, tuple[Face, ...] | GestaltError]],
    passed_over: Iterable[PassedOverForm],
) -> FacesDocument:
    """The faces of photos by their names, or why there are none."""
    return {
        "document": "faces",
        "version": 1,
        "detector": detector,
        "photos": [_photo(name, one) for name, one in found],
        "passed_over": list(passed_over),
    }


def _photo(name: str, found: tuple[Face, ...] | GestaltError) -> FacesOfPhotoForm:
    if isinstance(found, GestaltError):
        return {"photo": name, "error": error_form(found), "faces": []}
    return {"photo": name, "error": None, "faces": list(map(face_form, found))}
