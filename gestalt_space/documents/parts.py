"""Parts that several documents have: errors, faces, copies, encoding runs, calibrations."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from gestalt_space.documents.form import Form, filled
from gestalt_space.errors import ConsentReturns, GestaltError, ImportConflict
from gestalt_space.faces.marks import marks_of
from gestalt_space.faces.quality import eye_distance
from gestalt_space.gallery.calibration.calibrating import CalibrationState
from gestalt_space.gallery.copies import Copy
from gestalt_space.store.runs import RunCounts
from gestalt_space.types import EncodingRun, Face


class ConflictForm(Form):
    """Something in which an import contradicts the gallery."""

    kind: str
    patient: str
    photo: str
    reason: str


class ErrorForm(Form):
    """An error. `code`: of its kind, for programs; `hint`: what to do next. `patients` and
    `events`: whose consent an undo of these would give back."""

    code: str
    message: str
    hint: str
    conflicts: NotRequired[list[ConflictForm]]
    patients: NotRequired[list[str]]
    events: NotRequired[list[int]]


class ErrorDocument(Form):
    """The answer of a command that failed as a whole."""

    document: Literal["error"]
    version: Literal[1]
    error: ErrorForm


class RunForm(Form):
    """What an encoder ran with."""

    precision: str
    device: str
    runtime: str
    version: str


class RunCountForm(Form):
    """What descriptors were made with, and how many; facts that were not recorded are null."""

    precision: str | None
    device: str | None
    runtime: str | None
    version: str | None
    descriptors: int


class CalibrationForm(Form):
    """How old a calibration is: fitted to `photos` and `diagnoses`; `changes`: photos that came or
    went since."""

    state: Literal["current", "old", "none"]
    photos: int | None
    diagnoses: int | None
    gallery_photos: int
    gallery_diagnoses: int
    changes: int


class MarkForm(Form):
    """What about a face makes a match less sure: `value` lies beyond `limit`; `reason` in words."""

    kind: Literal["small", "blurred", "turned", "covered"]
    value: int
    limit: int
    reason: str


class QualityForm(Form):
    """Of a face: `size` and `eye_distance` in pixels of the photo, `yaw` and `roll` in degrees;
    `hidden`: the share of the face, 0 to 1, that something covers, null where it is not known."""

    sharpness: float
    size: float
    yaw: float
    roll: float
    eye_distance: float
    hidden: float | None
    marks: list[MarkForm]


class FaceForm(Form):
    """A face in a photo; coordinates in pixels of the upright photo."""

    number: int
    count: int
    detector: str
    step: str
    score: float
    box: list[float]
    landmarks: list[list[float]]
    quality: QualityForm


class CopyForm(Form):
    """A stored photo that shows the same picture in another file."""

    patient: str
    photo: str
    similarity: float
    proof: Literal["crops", "descriptors"]


class PassedOverForm(Form):
    """A file of a folder that is not read."""

    file: str
    reason: str


def error_form(error: GestaltError) -> ErrorForm:
    """An error as it stands in documents."""
    record: ErrorForm = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, ConsentReturns):
        record["patients"], record["events"] = list(error.patients), list(error.events)
    if isinstance(error, ImportConflict):
        record["conflicts"] = [filled(ConflictForm, one) for one in error.conflicts]
    return record


def error_document(error: GestaltError) -> ErrorDocument:
    """The answer of a command that failed."""
    return {"document": "error", "version": 1, "error": error_form(error)}


def run_form(run: EncodingRun) -> RunForm:
    """What an encoder ran with."""
    return filled(RunForm, run)


def run_count_forms(runs: RunCounts) -> list[RunCountForm]:
    """What descriptors were made with."""
    nothing: dict[str, Any] = dict.fromkeys(RunCountForm.__annotations__)
    return [
        filled(RunCountForm, run, descriptors=count)
        if run is not None
        else filled(RunCountForm, None, **{**nothing, "descriptors": count})
        for run, count in runs
    ]


def calibration_form(state: CalibrationState) -> CalibrationForm:
    """How old a calibration is."""
    return filled(CalibrationForm, state)


def copy_form(copy: Copy) -> CopyForm:
    """A stored photo that shows the same picture."""
    return filled(CopyForm, copy, similarity=round(copy.similarity, 4))


def face_form(face: Face) -> FaceForm:
    """A face as it stands in documents."""
    return filled(
        FaceForm,
        face,
        score=round(face.score, 4),
        box=[round(float(v), 2) for v in face.box],
        landmarks=[[round(float(v), 2) for v in point] for point in face.landmarks],
        quality=quality_form(face),
    )


def quality_form(face: Face) -> QualityForm:
    """What was measured of a face, and what of it makes a match less sure."""
    of = face.quality
    return {
        "sharpness": round(of.sharpness, 2),
        "size": round(of.size, 2),
        "yaw": round(of.yaw, 2),
        "roll": round(of.roll, 2),
        "eye_distance": round(eye_distance(face.landmarks), 2),
        "hidden": None if of.hidden is None else round(of.hidden, 2),
        "marks": [filled(MarkForm, mark) for mark in marks_of(face.landmarks, of)],
    }
