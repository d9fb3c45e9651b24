"""What is still to be cleaned away after a removal: bytes in index files and in the write-ahead
log.

A note is written in the transaction that removes, and deleted when both are clean, so that a
process that is stopped in between leaves word of it.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks


def pending_purges(session: Session) -> tuple[int, ...]:
    """The keys of the notes, the oldest first."""
    return tuple(session.scalars(sa.select(t.Purge.id).order_by(t.Purge.id)))


def purge_done(session: Session, ids: Collection[int]) -> None:
    """Delete notes: of what they say nothing is left in any file."""
    for some in chunks(ids):
        session.execute(sa.delete(t.Purge).where(t.Purge.id.in_(some)))


def note_purge(session: Session) -> None:
    """Note that what this transaction takes out of the database is elsewhere still."""
    sequence = session.scalars(sa.select(t.Change.sequence)).one()
    session.add(t.Purge(sequence=sequence))
