"""The homes that have an index of this database, and which index each has."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.sequence import begin_epoch


def is_registered(session: Session, home: str) -> bool:
    """Whether the database knows a home by its id."""
    return session.get(t.Home, home) is not None


def home_at(session: Session, place: str) -> str | None:
    """The id of the home that was last seen at a place; None where none was."""
    newest = sa.select(t.Home.id).where(t.Home.place == place).order_by(t.Home.seen_at.desc())
    return session.scalars(newest.limit(1)).first()


def register_home(session: Session, home: str, place: str) -> None:
    """Let the database know a home, and where it is now. One that stood there before, by another
    id, is forgotten."""
    session.execute(sa.delete(t.Home).where(t.Home.place == place, t.Home.id != home))
    session.merge(t.Home(id=home, place=place, seen_at=datetime.now(UTC)))


def take_over(session: Session, home: str, place: str, *, of: str | None) -> None:
    """Let a home that was restored have what the database says of the one that was backed up: its
    index, and what is still to be cleaned. No other home has an index of this database."""
    session.add(t.Home(id=home, place=place))
    session.flush()
    if of is not None:
        for table in (t.Generation, t.Purge):
            session.execute(sa.update(table).where(table.home_id == of).values(home_id=home))
    session.execute(sa.delete(t.Home).where(t.Home.id != home))


def record_generation(
    session: Session,
    home: str,
    space_id: int,
    *,
    sequence: int,
    digest: str,
    cleaned: bool = False,
) -> bool:
    """Say which index on disk is this database's in a home; False where a newer one is known.

    `cleaned`: files of the last one are wiped next, and whoever still reads them is to read anew.
    """
    known = session.get(t.Generation, (home, space_id))
    if known is not None and known.sequence > sequence:
        return False
    session.merge(t.Generation(home_id=home, space_id=space_id, sequence=sequence, digest=digest))
    session.execute(sa.update(t.Home).where(t.Home.id == home).values(seen_at=datetime.now(UTC)))
    if cleaned:
        begin_epoch(session)
    return True
