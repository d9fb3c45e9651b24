"""The page "Import a table": what would happen to each row is shown first; then a script sends the
photos in parts, each as large as one request may be, and each with the whole table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.responses import Response

from gestalt_space.documents.parts import ErrorForm, error_form
from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.gallery.foreseeing import foresee
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.tables import IntakeTable, read_table_bytes
from gestalt_space.gallery.intake.telling import check_together
from gestalt_space.home import Gallery
from gestalt_space.names import normal_name
from gestalt_space.paths import display_name
from gestalt_space.service.hints import in_fields
from gestalt_space.service.requests import Sha256, Text
from gestalt_space.service.web.page import ContributorPage, Page

router = APIRouter(prefix="/gallery/import", include_in_schema=False)

MOST_PHOTOS = 100_000
"""Photos of one table."""
BESIDE_PHOTOS = 2
"""Files of a request that are no photos: the table, and the list of all photos."""
OneFile = Annotated[UploadFile, File()]


class ChosenPhoto(BaseModel):
    """A photo that the reader chose, as their browser tells of it. `sha256`: None where it could
    not be computed."""

    name: Text
    sha256: Sha256 | None = None


_CHOSEN = TypeAdapter(Annotated[list[ChosenPhoto], Field(max_length=MOST_PHOTOS)])


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What would become of a row, or what became of it. `changes`: facts that are added; `notes`:
    what a person should look at."""

    photo: str
    patient: str
    outcome: str
    changes: Sequence[str] = ()
    notes: Sequence[str] = ()
    error: ErrorForm | None = None


@dataclass(frozen=True, slots=True)
class SentTable:
    """A table as it was sent, with its name, and the list of the photos that were chosen. To read
    it takes seconds where it is long."""

    name: str
    table: bytes
    chosen: bytes


@router.get("")
def form(page: ContributorPage) -> Response:
    """The form, with what one request may hold."""
    options = page.parts.options
    return page.show(
        "import.html", most_files=options.most_files - BESIDE_PHOTOS, most_bytes=options.most_bytes
    )


@router.post("/preview")
async def preview(page: ContributorPage, table: OneFile, chosen: OneFile) -> Response:
    """What would become of each row, first of those with an error. Photos are known by their
    sha256, and not sent for it."""
    sent = await _sent(table, chosen)
    answer: Response = await page.parts.workshop.work(_previewed, page, sent)
    return answer


@router.post("")
async def add(
    page: ContributorPage,
    table: OneFile,
    chosen: OneFile,
    photo: Annotated[list[UploadFile], File()] = [],  # noqa: B006 - FastAPI copies it
    first: Annotated[bool, Form()] = True,
) -> Response:
    """Add the rows whose photos are in this request. With the `first` one it is told which rows
    cannot be added, and which photos no row names."""
    sent = await _sent(table, chosen)
    here = {file_name(one.filename or ""): await one.read() for one in photo}
    answer: Response = await page.parts.workshop.work(_imported, page, sent, here, is_first=first)
    return answer


def _previewed(page: Page, sent: SentTable) -> Response:
    read, photos = _read(sent)
    found = _foreseen(page.gallery, read.rows, photos)
    found.sort(key=lambda row: row.outcome != "failed")
    unused = _unused(read.rows, photos)
    return page.show("imported.html", rows=found, unread=read.unread, unused=unused, is_done=False)


def _imported(
    page: Page, sent: SentTable, here: Mapping[str, bytes], *, is_first: bool
) -> Response:
    read, photos = _read(sent)
    found = _added(page.gallery, read.rows, photos, here, with_lost=is_first)
    unread, unused = (read.unread, _unused(read.rows, photos)) if is_first else ((), [])
    return page.show("imported.html", rows=found, unread=unread, unused=unused, is_done=True)


def _foreseen(
    gallery: Gallery, rows: Sequence[Intake], photos: Sequence[ChosenPhoto]
) -> list[RowOutcome]:
    hashes = {file_name(one.name): one.sha256 for one in photos}
    names = photos_by_name(photos)
    checked = [_checked(row, names) for row in rows]
    found = foresee(gallery.database, checked, [hashes.get(row.photo) for row in rows])
    gallery.note_told(one.patient for one in found)
    return [
        _outcome(one.photo, one.patient, one.outcome, one.changes, one.notes, one.error)
        for one in found
    ]


def _added(
    gallery: Gallery,
    rows: Sequence[Intake],
    photos: Sequence[ChosenPhoto],
    sent: Mapping[str, bytes],
    *,
    with_lost: bool,
) -> list[RowOutcome]:
    names = photos_by_name(photos)
    checked = check_together([check_row(_checked(row, names)) for row in rows])
    is_here = [row.error is None and row.photo in sent for row in checked]
    here = [
        replace(row, data=sent[row.photo])
        for row, at_work in zip(checked, is_here, strict=True)
        if at_work
    ]
    others = [row for row, at_work in zip(checked, is_here, strict=True) if not at_work]
    done = gallery.add(here, largest=True, beside=others).photos if here else ()
    gallery.note_told(one.patient for one in done if one.status != "added")
    added = iter(done)
    found = []
    for row, at_work in zip(checked, is_here, strict=True):
        if at_work:
            one = next(added)
            found.append(
                _outcome(one.photo, one.patient, one.status, one.changes, one.notes, one.error)
            )
        elif row.error is not None and with_lost:
            patient = row.record.patient if row.record else ""
            found.append(_outcome(row.photo, patient, "failed", (), row.notes, row.error))
    return found


def photos_by_name(photos: Sequence[ChosenPhoto]) -> Counter[str]:
    """How many of the chosen photos have each name."""
    return Counter(file_name(one.name) for one in photos)


def _checked(row: Intake, names: Counter[str]) -> Intake:
    """A row whose photo was chosen, or the same with its error."""
    if row.error is not None or names[row.photo] == 1:
        return row
    if names[row.photo]:
        error = UsageError(
            f"Several photos have the name {row.photo!r}.", "Give each photo a name of its own."
        )
    else:
        error = UsageError(
            f"The photo {row.photo!r} was not chosen with the table.",
            "Choose it together with the table.",
        )
    return replace(row, error=error)


def _outcome(
    photo: str,
    patient: str,
    outcome: str,
    changes: Sequence[str],
    notes: Sequence[str],
    error: GestaltError | None,
) -> RowOutcome:
    told = None if error is None else error_form(in_fields(error))
    return RowOutcome(photo, patient, outcome, changes, notes, told)


async def _sent(table: UploadFile, chosen: UploadFile) -> SentTable:
    name = display_name(table.filename or "table")
    return SentTable(name, await table.read(), await chosen.read())


def _read(sent: SentTable) -> tuple[IntakeTable, list[ChosenPhoto]]:
    """The table, with photos by the names of their files, and the photos that were chosen."""
    read = read_table_bytes(sent.table, sent.name, Path())
    try:
        photos = _CHOSEN.validate_json(sent.chosen)
    except ValidationError as error:
        raise UsageError(
            f"The list of photos cannot be read, or has more than {MOST_PHOTOS:,}.",
            "Load the page again, or import a part of the table.",
        ) from error
    return replace(read, rows=tuple(map(_with_photo, read.rows))), photos


def _with_photo(row: Intake) -> Intake:
    """The row with its photo by the file's name: it is no file of this machine."""
    name = file_name(row.photo)
    record = None if row.record is None else replace(row.record, photo=name)
    return replace(row, photo=name, path=Path(name), record=record)


def _unused(rows: Sequence[Intake], photos: Sequence[ChosenPhoto]) -> list[str]:
    """The photos that no row names."""
    used = {row.photo for row in rows}
    return sorted({one.name for one in photos if file_name(one.name) not in used})


def file_name(path: str) -> str:
    """The name of a file, from a table of any system or from a browser."""
    return PurePosixPath(normal_name(display_name(path)).replace("\\", "/")).name
