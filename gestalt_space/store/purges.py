"""What is still to be cleaned away after a removal: bytes in the index files of each home, and in
the database's own files.

Notes are written in the transaction that removes, one for each home and one for the database, and
deleted when those are clean, so that a process that is stopped in between leaves word of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks


def pending_purges(session: Session, home: str | None = None) -> tuple[int, ...]:
    """The keys of the notes for a home and for the database, the oldest first; None: for the
    database alone."""
    here = sa.or_(t.Purge.home_id.is_(None), t.Purge.home_id == home)
    return tuple(session.scalars(sa.select(t.Purge.id).where(here).order_by(t.Purge.id)))


def purge_done(session: Session, ids: Collection[int]) -> None:
    """Delete notes: of what they say nothing is left in any file."""
    for some in chunks(ids):
        session.execute(sa.delete(t.Purge).where(t.Purge.id.in_(some)))


def note_purge(session: Session) -> None:
    """Note that what this transaction takes out of the database is elsewhere still."""
    sequence = session.scalars(sa.select(t.Change.sequence)).one()
    homes = session.scalars(sa.select(t.Home.id)).all()
    session.add_all(t.Purge(sequence=sequence, home_id=home) for home in (None, *homes))


@dataclass(frozen=True, slots=True)
class PendingPurge:
    """Since when something has to be cleaned away, the oldest alone: in the files of a home and of
    the database, and in other homes by their places."""

    here: tuple[datetime, ...]
    elsewhere: tuple[tuple[str, datetime], ...]


def left_to_clean(session: Session, home: str | None) -> PendingPurge:
    """What is still to be cleaned away, as one home sees it."""
    oldest = sa.func.min(t.Purge.at)
    mine = sa.or_(t.Purge.home_id.is_(None), t.Purge.home_id == home)
    others = (
        sa.select(t.Home.place, oldest)
        .join(t.Home, t.Home.id == t.Purge.home_id)
        .where(~mine)
        .group_by(t.Home.place)
        .order_by(t.Home.place)
    )
    return PendingPurge(
        tuple(at for at in session.scalars(sa.select(oldest).where(mine)) if at),
        tuple((place, at) for place, at in session.execute(others)),
    )
