"""What adding rows would do, before any face is looked for: for a preview of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sqlalchemy.orm import Session

from gestalt_space.errors import GalleryMissing, GestaltError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_row
from gestalt_space.gallery.intake.telling import check_together, told_of_patients
from gestalt_space.store.engine import Database
from gestalt_space.store.foreseeing import ForeseenPhoto, ToldPhoto
from gestalt_space.store.foreseeing import foresee as foresee_photos
from gestalt_space.store.lookups import disorders_like, patients_like

Outcome = Literal["patient", "photo", "already", "failed"]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of a row: a new `patient`, a new `photo` of one, a photo that is `already`
    there, or `failed` with its error.

    `changes`: facts that would be added to a patient who is there. `notes`: what a person should
    check.
    """

    photo: str
    patient: str
    outcome: Outcome
    error: GestaltError | None = None
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def foresee(
    database: Database, rows: Sequence[Intake], hashes: Sequence[str | None]
) -> list[Foreseen]:
    """What `Gallery.add` would make of rows, in order; `hashes`: the sha256 of their photos, None
    where it is not known. Nothing is written, and whether there is a face is not seen."""
    rows = check_together([check_row(row) for row in rows])
    with _reading(database) as session:
        if session is not None:
            alike = partial(patients_like, session), partial(disorders_like, session)
            rows = note_likenesses(rows, *alike)
        told = told_of_patients(rows)
        sound = [
            ToldPhoto(row.record, sha256, told[row.record.patient])
            for row, sha256 in zip(rows, hashes, strict=True)
            if row.record is not None and row.error is None
        ]
        found = iter(foresee_photos(session, sound))
    return [_failed(row) if _is_lost(row) else _foreseen(row, next(found)) for row in rows]


@contextmanager
def _reading(database: Database) -> Iterator[Session | None]:
    """A session; None where there is no gallery yet."""
    try:
        database.require()
    except GalleryMissing:
        yield None
        return
    with database.reading() as session:
        yield session


def _is_lost(row: Intake) -> bool:
    return row.record is None or row.error is not None


def _failed(row: Intake) -> Foreseen:
    patient = row.record.patient if row.record else ""
    return Foreseen(row.photo, patient, "failed", row.error, notes=row.notes)


def _foreseen(row: Intake, found: ForeseenPhoto) -> Foreseen:
    assert row.record is not None, "it is not lost"  # noqa: S101
    outcome: Outcome = "patient" if found.is_new_patient else "photo"
    if found.is_known:
        outcome = "already"
    if found.error is not None:
        outcome = "failed"
    notes = (*row.notes, *found.notes)
    return Foreseen(row.photo, row.record.patient, outcome, found.error, found.adds, notes)
