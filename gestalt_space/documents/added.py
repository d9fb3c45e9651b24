"""`gestalt index add`: what became of each photo, as a document and as a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NotRequired

from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.parts import (
    CalibrationForm,
    CopyForm,
    ErrorForm,
    MarkForm,
    PassedOverForm,
    calibration_form,
    copy_form,
    error_form,
    quality_form,
)
from gestalt_space.documents.phenopackets import PhenopacketsForm
from gestalt_space.errors import GestaltError
from gestalt_space.gallery.calibration.calibrating import CalibrationState
from gestalt_space.gallery.storing import Added, Status
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table
from gestalt_space.types import Face


class AddedFaceForm(Form):
    """The face of a photo that was added: the number `face` of `faces`."""

    detector: str
    step: str
    score: float
    face: int
    faces: int
    sharpness: float
    size: float
    yaw: float
    roll: float
    eye_distance: float
    hidden: float | None
    marks: list[MarkForm]


class AddedPhotoForm(Form):
    """What became of a photo. `changes`: to what the gallery had; `notes`: what a person should
    look at."""

    photo: str
    patient: str
    status: Literal["added", "already", "updated", "failed"]
    changes: list[str]
    notes: list[str]
    copies: list[CopyForm]
    error: ErrorForm | None
    face: AddedFaceForm | None


class AddedCountsForm(Form):
    """Photos by what became of them."""

    added: int
    already: int
    updated: int
    failed: int


class FolderForm(Form):
    """A folder of photos: how many of how many patients, and what is passed over."""

    folder: str
    photos: int
    patients: int
    passed_over: list[PassedOverForm]


class AddedDocument(Form):
    """Photos that were added. `folders`: those among the targets; `gmdb` and `left_out`: the
    version of an imported release, and images that were left out by reason; `left_in_log`: that
    what was replaced is in the write-ahead log still."""

    document: Literal["added"]
    version: Literal[1]
    folders: NotRequired[list[FolderForm]]
    gmdb: NotRequired[str]
    left_out: NotRequired[dict[str, int]]
    phenopackets: NotRequired[PhenopacketsForm]
    counts: AddedCountsForm
    photos: list[AddedPhotoForm]
    left_in_log: ErrorForm | None
    calibration: CalibrationForm | None


REPORT_COLUMNS = (
    *(Column("photo"), Column("patient"), Column("status"), Column("changes"), Column("notes")),
    *(Column("code"), Column("message"), Column("hint"), Column("detector"), Column("step")),
    *(Column("score", "number"), Column("face", "integer"), Column("faces", "integer")),
    *(Column(name, "number") for name in ("sharpness", "size", "yaw", "roll", "eye_distance")),
    Column("hidden", "number"),
    Column("marks"),
)


def added_document(
    photos: Iterable[Added],
    counts: Mapping[Status, int],
    left_in_log: GestaltError | None,
    calibration: CalibrationState | None,
) -> AddedDocument:
    """What became of photos, and how many have each status."""
    return {
        "document": "added",
        "version": 1,
        "counts": {
            "added": counts["added"],
            "already": counts["already"],
            "updated": counts["updated"],
            "failed": counts["failed"],
        },
        "photos": list(map(_photo, photos)),
        "left_in_log": None if left_in_log is None else error_form(left_in_log),
        "calibration": None if calibration is None else calibration_form(calibration),
    }


def added_table(photos: Iterable[Added]) -> Table:
    """A row for each photo: the report of `index add`."""
    table = Table(REPORT_COLUMNS)
    for photo in map(_photo, photos):
        values: dict[str, Any] = {
            **photo,
            **(photo["error"] or {}),
            **(photo["face"] or {}),
            "notes": " ".join(photo["notes"]),  # they are sentences
        }
        if photo["face"] is None:
            values["face"] = None
        else:
            values["marks"] = "; ".join(mark["reason"] for mark in photo["face"]["marks"])
        table.add_row(*(values.get(name) for name in table.names))
    return table


def folder_form(
    folder: str, photos: int, patients: int, passed_over: Sequence[PassedOverForm]
) -> FolderForm:
    """A folder of photos."""
    return {
        "folder": folder,
        "photos": photos,
        "patients": patients,
        "passed_over": list(passed_over),
    }


def _photo(result: Added) -> AddedPhotoForm:
    return filled(
        AddedPhotoForm,
        result,
        photo=display_name(result.photo),
        copies=list(map(copy_form, result.copies)),
        error=None if result.error is None else error_form(result.error),
        face=None if result.face is None else _face(result.face),
    )


def _face(face: Face) -> AddedFaceForm:
    return filled(
        AddedFaceForm,
        face,
        score=round(face.score, 4),
        face=face.number,
        faces=face.count,
        **quality_form(face),
    )
