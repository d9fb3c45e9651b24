"""The page "Import a table": a table with its photos is looked through first, then added."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from fastapi import APIRouter, File, UploadFile
from starlette.responses import Response

from gestalt_space.documents.parts import ErrorForm, error_form
from gestalt_space.errors import GalleryMissing, GestaltError, NotInGallery, UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.tables import IntakeTable, read_table_bytes
from gestalt_space.gallery.intake.telling import check_together
from gestalt_space.home import Gallery
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name
from gestalt_space.service.web.page import ContributorPage

router = APIRouter(prefix="/gallery/import", include_in_schema=False)

Outcome = Literal["patient", "photo", "known", "error", "added", "already", "updated", "failed"]
Uploads = Annotated[list[UploadFile], File()]


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What would become of a row, or what became of it. `told`: what a person should look at."""

    photo: str
    patient: str
    outcome: Outcome
    told: tuple[str, ...] = ()
    error: ErrorForm | None = None


@router.get("")
def form(page: ContributorPage) -> Response:
    """The form."""
    return page.show("import.html", most=page.parts.options.most_files - 1)


@router.post("/preview")
async def preview(
    page: ContributorPage,
    table: Annotated[UploadFile, File()],
    photo: Uploads = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """What would become of each row. No face is looked for yet."""
    read, rows, unused = await _read(table, photo)
    found = await page.parts.workshop.work(foreseen, page.gallery, rows)
    return page.show("imported.html", rows=found, unread=read.unread, unused=unused, is_done=False)


@router.post("")
async def add(
    page: ContributorPage,
    table: Annotated[UploadFile, File()],
    photo: Uploads = [],  # noqa: B006
) -> Response:
    """Add the rows that can be added."""
    read, rows, unused = await _read(table, photo)
    found = await page.parts.workshop.work(_added, page.gallery, rows)
    return page.show("imported.html", rows=found, unread=read.unread, unused=unused, is_done=True)


def foreseen(gallery: Gallery, rows: list[Intake]) -> list[RowOutcome]:
    """What adding would make of rows, as far as it can be told before faces are looked for."""
    held: dict[str, set[str]] = {}
    found = []
    for row in check_together([check_row(row) for row in rows]):
        if row.record is None or row.error is not None or row.data is None:
            error = row.error or _without_photo(row)
            patient = row.record.patient if row.record else ""
            found.append(RowOutcome(row.photo, patient, "error", (), error_form(error)))
            continue
        patient = row.record.patient
        outcome: Outcome = "photo"
        if patient not in held:
            known = _photos_of(gallery, patient)
            held[patient] = known or set()
            outcome = "patient" if known is None else "photo"
        digest = hashlib.sha256(row.data).hexdigest()
        if digest in held[patient]:
            outcome = "known"
        held[patient].add(digest)
        found.append(RowOutcome(row.photo, patient, outcome, row.notes))
    return found


def _added(gallery: Gallery, rows: list[Intake]) -> list[RowOutcome]:
    given = [
        replace(row, record=None, error=_without_photo(row))
        if row.error is None and row.data is None
        else row
        for row in rows
    ]
    return [
        RowOutcome(
            one.photo,
            one.patient,
            one.status,
            (*one.changes, *one.notes),
            None if one.error is None else error_form(one.error),
        )
        for one in gallery.add(given, largest=True).photos
    ]


async def _read(
    table: UploadFile, photos: list[UploadFile]
) -> tuple[IntakeTable, list[Intake], list[str]]:
    """The table, its rows with the photos of their names, and the names of photos without a row."""
    sent: dict[str, bytes] = {}
    for photo in photos:
        # A form without a file sends one that has no name.
        if photo.filename:
            sent[_file_name(photo.filename)] = await photo.read()
    name = display_name(table.filename or "table")
    read = read_table_bytes(await table.read(), name, Path())
    rows = [_with_photo(row, sent) for row in read.rows]
    used = {_file_name(row.photo) for row in rows}
    return read, rows, sorted(sent.keys() - used)


def _with_photo(row: Intake, sent: Mapping[str, bytes]) -> Intake:
    """The row with the bytes that were sent. Its photo is no file of this machine."""
    name = _file_name(row.photo)
    record = None if row.record is None else replace(row.record, photo=name)
    return replace(row, photo=name, path=Path(name), record=record, data=sent.get(name))


def _file_name(path: str) -> str:
    return PurePosixPath(normal_name(display_name(path)).replace("\\", "/")).name


def _photos_of(gallery: Gallery, patient: str) -> set[str] | None:
    try:
        return {one.sha256 for one in gallery.patient(patient).photos}
    except (NotInGallery, GalleryMissing):
        return None


def _without_photo(row: Intake) -> GestaltError:
    return UsageError(
        f"The photo {row.photo!r} was not sent with the table.",
        "Choose it together with the table.",
    )
