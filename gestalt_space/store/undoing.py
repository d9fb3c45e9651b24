"""Takes back the last correction, by what the audit trail says was there before; an undo is one,
too, so that a second one takes it back."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import NotInGallery, PatientConflict
from gestalt_space.store import tables as t
from gestalt_space.store.audit import Event, event_at, record_event
from gestalt_space.store.correcting import CORRECTIONS
from gestalt_space.store.past import Scope, differences, is_as, keys_of, take
from gestalt_space.store.pseudonyms import subjects_of
from gestalt_space.store.restoring import put_back

REMOVALS = ("remove", "erase")
HARMLESS = ("match", "export", "backup")
"""The actions of events that change nothing of the patients they are about."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The correction that was taken back, and what changed with that, in words."""

    event: Event
    changes: tuple[str, ...]
    notes: tuple[str, ...]


def undo_last(session: Session) -> Undone:
    """Take back the last correction.

    Raises `NotInGallery` where there is none; `PatientConflict` where something since touched the
    same patients.
    """
    last = session.scalar(
        sa.select(sa.func.max(t.AuditEvent.id)).where(t.AuditEvent.action.in_(CORRECTIONS))
    )
    removed = session.scalar(
        sa.select(sa.func.max(t.AuditEvent.id)).where(t.AuditEvent.action.in_(REMOVALS))
    )
    if last is None:
        hint = "A removal cannot be undone." if removed else "`gestalt index log` lists what was."
        raise NotInGallery("Nothing was corrected that could be undone.", hint)
    event = event_at(session, last)
    if event.detail is None:
        raise PatientConflict(
            "The last correction cannot be undone: a patient or a photo of it was removed since.",
            "A removal cannot be undone.",
        )
    _refuse_touched(session, event)
    expected, then = event.detail["after"], event.detail["before"]
    scope = Scope.of(expected)
    now = take(session, scope)
    if not is_as(now, expected):
        raise PatientConflict(
            "The last correction cannot be undone: its patients are not what it left.",
            "`gestalt index set` corrects what is wrong.",
        )
    dropped = [int(key) for key, told in then["photos"].items() if told is None]
    dropped = [key for key in dropped if now["photos"][str(key)] is not None]
    now = take(session, scope, whole=dropped) if dropped else now
    subjects = subjects_of(session, keys_of(now))
    put_back(session, now, then, expected, alone=_is_alone(session, event))
    after = take(session, scope)
    changes = differences(now, after)
    record_event(
        session,
        "undo",
        patients=keys_of(after),
        subjects=subjects,
        detail={
            "undone": event.id,
            "action": event.action,
            "changes": list(changes),
            "before": now,
            "after": after,
        },
    )
    notes = () if removed is None or removed < last else ("What was removed since stays removed.",)
    return Undone(event, changes, notes)


def _refuse_touched(session: Session, event: Event) -> None:
    since = session.scalar(
        sa.select(t.AuditEvent)
        .join(t.AuditSubject, t.AuditSubject.event_id == t.AuditEvent.id)
        .where(
            t.AuditEvent.id > event.id,
            t.AuditSubject.subject.in_(event.subjects),
            t.AuditEvent.action.not_in(HARMLESS),
        )
        .order_by(t.AuditEvent.id.desc())
        .limit(1)
    )
    if since is not None:
        raise PatientConflict(
            f"The last correction cannot be undone: {since.actor} touched its patients since "
            f"({since.action}, {since.at:%Y-%m-%d %H:%M} UTC).",
            "`gestalt index log` lists what was there; `gestalt index set` puts it back.",
        )


def _is_alone(session: Session, event: Event) -> bool:
    """Whether nothing came since that may have given a disorder its gene."""
    later = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.id > event.id, t.AuditEvent.action.not_in((*HARMLESS, *REMOVALS))
    )
    return session.scalar(later.limit(1)) is None
