"""The spaces of a gallery as a whole: how full each is, and how one is dropped."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.purges import note_purge
from gestalt_space.store.reads import StoredSpace, consents
from gestalt_space.store.sequence import begin_epoch, count_changes


@dataclass(frozen=True, slots=True)
class Filling:
    """How many faces have a descriptor in a space, how many have one that is withheld, and how many
    have none."""

    descriptors: int
    withheld: int
    missing: int


def filling(session: Session, space_id: int) -> Filling:
    """How full a space is."""

    def having(table: type[t.Descriptor] | type[t.Withheld]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(table.space_id == space_id)
        return session.scalar(query) or 0

    return Filling(having(t.Descriptor), having(t.Withheld), count_missing(session, space_id))


def count_missing(session: Session, space_id: int) -> int:
    """How many faces have no descriptor in a space, nor a withheld one. Faces of patients whose
    consent is withdrawn need none, and are not counted."""
    none = (
        ~sa.select(sa.literal(1))
        .where(table.face_id == t.Face.id, table.space_id == space_id)
        .exists()
        for table in (t.Descriptor, t.Withheld)
    )
    query = sa.select(sa.func.count(t.Face.id)).join(t.Face.photo).join(t.Photo.patient)
    return session.scalar(query.where(consents(), *none)) or 0


def has_space(session: Session, space_id: int, fingerprint: str) -> bool:
    """Whether a space is still there: after one was dropped, its key may be given to another."""
    query = sa.select(t.Space.id).where(t.Space.fingerprint == fingerprint, t.Space.id == space_id)
    return session.scalar(query) is not None


def drop_space(session: Session, space: StoredSpace) -> int:
    """Take a space out of the database, with all its descriptors, their removal log, its
    calibration and the record of its indexes; returns how many descriptors there were.

    Index files follow by the notes that are left, see `purges`.
    """
    count = 0
    for table in (t.Descriptor, t.Withheld, t.Removal, t.Calibration, t.Generation):
        gone = session.execute(sa.delete(table).where(table.space_id == space.id))
        count += gone.rowcount if table in (t.Descriptor, t.Withheld) else 0  # type: ignore[attr-defined]
    session.execute(sa.delete(t.Space).where(t.Space.id == space.id))
    detail = {"space": space.fingerprint, "model": space.model, "descriptors": count}
    record_event(session, "drop", detail=detail)
    count_changes(session, 1)
    begin_epoch(session)
    note_purge(session)
    return count
