"""The homes that have an index of this database, and which index each has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.sequence import begin_epoch

FORGET, RETURN = "forget", "return"
"""What the audit trail calls it when a home is forgotten, and when one comes back."""


@dataclass(frozen=True, slots=True)
class KnownHome:
    """A home of a database. `seen_at`: when it last wrote its index. `owed`: how many removals and
    erasures its files are not clean of, and `owed_since` when; `erasures`: how many erasures wait
    for it."""

    id: str
    place: str
    seen_at: datetime
    owed: int
    owed_since: datetime | None
    erasures: int


def is_registered(session: Session, home: str) -> bool:
    """Whether the database knows a home by its id."""
    return session.get(t.Home, home) is not None


def place_of_home(session: Session, home: str) -> str | None:
    """Where a home was when it was registered; None for one that the database does not know."""
    known = session.get(t.Home, home)
    return None if known is None else known.place


def home_at(session: Session, place: str) -> str | None:
    """The id of the home that was last seen at a place; None where none was."""
    newest = sa.select(t.Home.id).where(t.Home.place == place).order_by(t.Home.seen_at.desc())
    return session.scalars(newest.limit(1)).first()


def register_home(session: Session, home: str, place: str) -> None:
    """Let the database know a home, and where it is now. One that stood there before, by another
    id, is forgotten."""
    for known in known_homes(session):
        if known.place == place and known.id != home:
            # Perhaps on a disk that is there still: machines may have one name.
            forget_home(session, known)
    session.merge(t.Home(id=home, place=place, seen_at=datetime.now(UTC)))


def known_homes(session: Session) -> list[KnownHome]:
    """The homes of this database by their places, and what each has still to clean."""
    notes = (
        sa.select(t.Home, sa.func.count(t.Purge.id), sa.func.min(t.Purge.at))
        .add_columns(sa.func.min(t.Purge.sequence))
        .outerjoin(t.Purge, t.Purge.home_id == t.Home.id)
        .group_by(t.Home.id)
        .order_by(t.Home.place, t.Home.id)
    )
    begun = [int(plan["sequence"]) for plan in session.scalars(sa.select(t.Erasure.plan))]
    return [
        KnownHome(
            home.id,
            home.place,
            home.seen_at,
            owed,
            since,
            0 if first is None else sum(first <= sequence for sequence in begun),
        )
        for home, owed, since, first in session.execute(notes)
    ]


def forget_home(session: Session, home: KnownHome) -> None:
    """Forget a home: its index is no index of this database any more, and nothing waits for it to
    be cleaned. The audit trail keeps that its files were not."""
    of = f" of {home.owed:,} removal{'' if home.owed == 1 else 's'}" if home.owed else ""
    told = {"home": home.id, "place": home.place, "changes": [f"its files were not cleaned{of}"]}
    record_event(session, FORGET, detail=told)
    # What is said of its index and of what it owes goes with it.
    session.execute(sa.delete(t.Home).where(t.Home.id == home.id))


def forgotten_homes(session: Session) -> dict[str, dict[str, str]]:
    """The homes that were forgotten and have not come back, by id: `place`, `at` and `by`."""
    found: dict[str, dict[str, str]] = {}
    for event, detail in _comings_and_goings(session):
        told = found.pop(detail["home"], None)
        if event.action == FORGET:
            at = event.at.isoformat(timespec="seconds")
            told = {"place": str(detail["place"]), "at": at, "by": event.actor}
            found[detail["home"]] = told
    return found


def note_return(session: Session, home: str, place: str) -> None:
    """Note that a home that was forgotten is there again, and its files are clean."""
    told = {"home": home, "place": place, "changes": ["its old index was deleted"]}
    record_event(session, RETURN, detail=told)


def _comings_and_goings(session: Session) -> Iterator[tuple[t.AuditEvent, dict[str, Any]]]:
    events = sa.select(t.AuditEvent).where(t.AuditEvent.action.in_((FORGET, RETURN)))
    for event in session.scalars(events.order_by(t.AuditEvent.id)):
        if event.detail is not None:
            yield event, event.detail


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
    """Say which index on disk is this database's in a home; False where a newer one is known, or
    the home was forgotten meanwhile.

    `cleaned`: files of the last one are wiped next, and whoever still reads them is to read anew.
    """
    if not is_registered(session, home):
        return False
    known = session.get(t.Generation, (home, space_id))
    if known is not None and known.sequence > sequence:
        return False
    session.merge(t.Generation(home_id=home, space_id=space_id, sequence=sequence, digest=digest))
    session.execute(sa.update(t.Home).where(t.Home.id == home).values(seen_at=datetime.now(UTC)))
    if cleaned:
        begin_epoch(session)
    return True
