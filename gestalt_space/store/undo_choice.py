"""Which events an undo takes back, and how events are named to people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import NotInGallery, PatientConflict, UsageError
from gestalt_space.store import tables as t
from gestalt_space.store.audit import Event, event_at
from gestalt_space.store.pseudonyms import holders
from gestalt_space.store.taken_back import (
    CORRECTIONS,
    REMOVALS,
    UNDO,
    TakenBack,
    standing,
)

NAMED = 4
"""Patients of an event whom a message names."""


def newest(session: Session, taken: TakenBack) -> list[Event]:
    """The newest correction that is not undone, or all events of the command that made it, the
    newest first."""
    keys = standing(session, taken)
    for key in keys:
        event = event_at(session, key)
        if event.detail is not None and "before" not in event.detail:
            continue  # a face that was replaced
        if event.detail is None:
            raise _emptied(session, event, next(keys, None))
        command = event.detail.get("command")
        return [event] if command is None else _of_command(session, command, taken)
    removed = sa.select(t.AuditEvent.id).where(t.AuditEvent.action.in_(REMOVALS)).limit(1)
    hint = "`gestalt index log` lists all events."
    if session.scalar(removed) is not None:
        hint = "A removal cannot be undone."
    raise NotInGallery("There is no correction to undo.", hint)


def _of_command(session: Session, command: str, taken: TakenBack) -> list[Event]:
    rows = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.action == "correct",
        t.AuditEvent.detail["command"].as_string() == command,
    )
    keys = session.scalars(rows.order_by(t.AuditEvent.id.desc())).all()
    found = [event_at(session, key) for key in keys if key not in taken.by]
    return [one for one in found if one.detail is not None and "before" in one.detail]


def numbered(session: Session, number: int, taken: TakenBack) -> Event:
    """The event of a number, where it is a correction, or an undo, that is not undone."""
    if session.get(t.AuditEvent, number) is None:
        raise NotInGallery(f"There is no event {number}.", "`gestalt index log` lists all events.")
    event = event_at(session, number)
    if event.action not in (*CORRECTIONS, UNDO):
        raise UsageError(
            f"{title(session, event)} is not a correction.",
            f"Corrections are {', '.join(CORRECTIONS)} and {UNDO}.",
        )
    if event.detail is None:
        raise _emptied(session, event, None)
    if number in taken.by:
        raise PatientConflict(
            f"{title(session, event)} is already undone, by event {taken.by[number]}.",
            f"To redo it: `gestalt index undo --event {taken.by[number]}`.",
        )
    if "before" not in event.detail:
        raise PatientConflict(
            f"{title(session, event)} replaced a face, and the old face was deleted.",
            "Add the photo again with the right --face and --update.",
        )
    return event


def title(session: Session, event: Event) -> str:
    """`Event 12 (set of P1, 2026-03-01 10:20 UTC)`."""
    names = sorted(set(holders(session, event.subjects).values()))
    of = patients_text(names) if names else "someone who left"
    return f"Event {event.id} ({event.action} of {of}, {event.at:%Y-%m-%d %H:%M} UTC)"


def mid(text: str) -> str:
    """A title within a sentence."""
    return text[:1].lower() + text[1:]


def patients_text(names: Sequence[str]) -> str:
    """Patients in a message: not all of very many."""
    more = len(names) - NAMED
    return ", ".join((*islice(names, NAMED), *([f"{more:,} more"] if more > 0 else [])))


def _emptied(session: Session, event: Event, before: int | None) -> PatientConflict:
    hint = "A removal cannot be undone."
    if before is not None:
        hint += f" To undo the correction before it: `gestalt index undo --event {before}`."
    return PatientConflict(
        f"{title(session, event)} cannot be undone: a patient or photo in it was removed later.",
        hint,
    )
