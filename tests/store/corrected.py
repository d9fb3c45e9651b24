"""Corrections in the tests of the store: what is done, and the database as it is then."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gestalt_space.store import audit, correcting, reads, undoing, writes
from gestalt_space.store import tables as t
from gestalt_space.store.correcting import CorrectionResult
from gestalt_space.store.engine import Database
from gestalt_space.store.undoing import Undone
from gestalt_space.types import Disorder, PhotoRecord

MOVING = {"sequence"}
APART = {"audit_event", "audit_subject", "change", "removal", "purge", "pseudonym"}
CDLS, KABUKI = Disorder("OMIM:122470", "Cornelia de Lange"), Disorder("OMIM:147920", "Kabuki")


def dump(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """The whole database, but for the trail, sequence numbers and keys of descriptors."""
    found = {}
    with database.reading() as session:
        for name, table in t.Base.metadata.tables.items():
            if name in APART:
                continue
            left_out = MOVING | ({"id"} if name == "descriptor" else set())
            columns = [column for column in table.c if column.name not in left_out]
            found[name] = sorted(map(tuple, session.execute(sa.select(*columns))), key=repr)
    return found


def photos_of(database: Database, patient: str) -> list[str]:
    with database.reading() as session:
        return [photo.name for photo in reads.patient_detail(session, patient).photos]


def told(patient: str = "P1", **facts: Any) -> PhotoRecord:
    return PhotoRecord("", patient, **facts)


def set_facts(
    database: Database, patient: str, photo: str | None = None, **facts: Any
) -> CorrectionResult:
    with database.writing() as session:
        return correcting.set_facts(session, patient, told(patient, **facts), photo=photo)


def merge(database: Database, keep: str | None = None) -> CorrectionResult:
    with database.writing() as session:
        return correcting.merge_patients(session, "P1", "P2", keep=keep)


def undo(
    database: Database,
    event: int | None = None,
    consent_again: tuple[str, ...] = (),
    expected: tuple[int, ...] = (),
) -> undoing.Undone:
    with database.writing() as session:
        return undoing.undo(session, event, consent_again=consent_again, expected=expected)


def trail(database: Database) -> list[audit.Event]:
    with database.reading() as session:
        assert list(audit.trail_problems(session)) == []
        return list(audit.events(session))


def withheld(database: Database) -> tuple[int, int]:
    """How many descriptors there are, and how many are withheld."""
    with database.reading() as session:
        counts = (sa.select(sa.func.count()).select_from(one) for one in (t.Descriptor, t.Withheld))
        matched, held = (session.scalar(count) for count in counts)
        return matched or 0, held or 0


def texts(done: CorrectionResult | Undone | writes.Stored) -> tuple[str, ...]:
    """What changed, as people read it."""
    return tuple(map(str, done.changes))
