"""Which corrections are undone, read from the audit trail: an undo names the event that it took
back, and may itself be taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.audit import Event

CORRECTIONS = ("set", "correct", "move", "merge", "split")
"""The actions of events that an undo takes back; it can be taken back, too."""
UNDO = "undo"
REMOVALS = ("remove", "erase")
PENDING = 0
"""In the place of an undo that has no event yet."""
HARMLESS = ("match", "look", "export", "backup", "train", "user", "token", "login", "job")
"""The actions of events that change nothing of the patients they are about."""


@dataclass
class TakenBack:
    """`by`: events that are undone, each with the undo that did it and was not taken back."""

    by: dict[int, int]

    def __post_init__(self) -> None:
        self._of = {undo: event for event, undo in self.by.items()}

    def add(self, event: int, undo: int) -> None:
        """Note an undo."""
        self.by[event] = undo
        self._of[undo] = event

    def counts_after(self, later: int, event: int) -> bool:
        """Whether a later event left something that was not so after the first: one that is undone,
        and its undo, together did nothing."""
        return later not in self.by and self._of.get(later, 0) <= event


def taken_back(session: Session) -> TakenBack:
    """What is undone now."""
    undos = sa.select(t.AuditEvent.id, t.AuditEvent.detail["undone"].as_integer()).where(
        t.AuditEvent.action == UNDO
    )
    by: dict[int, int] = {}
    # The newest first: one that was taken back itself took nothing back.
    for undo, event in session.execute(undos.order_by(t.AuditEvent.id.desc())):
        if undo not in by and event is not None:
            by[event] = undo
    return TakenBack(by)


def standing(session: Session, taken: TakenBack) -> Iterator[int]:
    """The corrections that are not undone, by id, the newest first."""
    of = sa.select(t.AuditEvent.id).where(t.AuditEvent.action.in_(CORRECTIONS))
    rows = session.scalars(of.order_by(t.AuditEvent.id.desc()))
    return (key for key in rows if key not in taken.by)


def touched_since(
    session: Session, event: Event, taken: TakenBack, *, harmless: Collection[str]
) -> int | None:
    """The newest event, by id, that touched the patients of another since; None where none did."""
    later = (
        sa.select(t.AuditEvent.id)
        .join(t.AuditSubject, t.AuditSubject.event_id == t.AuditEvent.id)
        .where(
            t.AuditEvent.id > event.id,
            t.AuditSubject.subject.in_(event.subjects),
            t.AuditEvent.action.not_in(harmless),
        )
        .order_by(t.AuditEvent.id.desc())
    )
    found = (key for key in session.scalars(later) if taken.counts_after(key, event.id))
    return next(found, None)


def is_last(session: Session, event: Event, taken: TakenBack) -> bool:
    """Whether nothing came since that may have given a disorder its gene."""
    later = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.id > event.id, t.AuditEvent.action.not_in((*HARMLESS, *REMOVALS))
    )
    rows = session.scalars(later.order_by(t.AuditEvent.id.desc()))
    return not any(taken.counts_after(key, event.id) for key in rows)
