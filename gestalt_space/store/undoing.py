"""Takes corrections back, by what the audit trail says was there before: the newest that is not
undone yet, or the one that is named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import ConsentReturns, NotInGallery, PatientConflict, UsageError
from gestalt_space.store import tables as t
from gestalt_space.store.audit import Event, event_at, record_event
from gestalt_space.store.past import Past, Scope, differences, is_as, keys_of, take
from gestalt_space.store.pseudonyms import holders, subjects_of
from gestalt_space.store.restoring import put_back
from gestalt_space.store.taken_back import (
    CORRECTIONS,
    HARMLESS,
    REMOVALS,
    UNDO,
    TakenBack,
    is_last,
    standing,
    taken_back,
    touched_since,
)
from gestalt_space.types import WITHDRAWN

_NAMED = 4
"""Patients of an event whom a message names."""
_NEXT = "`gestalt index log` lists what was there; `gestalt index set` puts it back."


@dataclass(frozen=True, slots=True)
class Undone:
    """The corrections that were taken back, the newest first, and what changed with that, in
    words."""

    events: tuple[Event, ...]
    changes: tuple[str, ...]
    notes: tuple[str, ...]


def undo(
    session: Session, number: int | None = None, *, consent_again: Collection[str] = ()
) -> Undone:
    """Take back the newest correction that is not undone, all that one command added to patients
    who were there; or the event of a number, which may be an undo.

    `consent_again`: patients whose consent is withdrawn and may come back. Raises `ConsentReturns`
    where others' would; `NotInGallery` where there is no such event; `UsageError` for one that is
    no correction; `PatientConflict` for one that is undone, or where something since touched the
    same patients.
    """
    taken = taken_back(session)
    events = _newest(session, taken) if number is None else [_numbered(session, number, taken)]
    before: dict[str, bool] = {}
    after: dict[str, bool] = {}
    changes: list[str] = []
    notes: dict[str, None] = {}
    for event in events:
        was, now = _take_back(session, event, taken)
        before = {**_withdrawn(was), **before}
        after |= _withdrawn(now)
        told = differences(was, now)
        is_one_of = len(events) > 1 and len(was["patients"]) == 1
        changes += (f"{next(iter(was['patients']))}: {one}" if is_one_of else one for one in told)
        if (event.detail or {}).get("faces"):
            notes["A face that was replaced stays as it is: the one before was deleted."] = None
    returning = sorted(name for name, one in before.items() if one and after.get(name) is False)
    if not set(returning) <= set(consent_again):
        raise _returns(session, events, returning)
    if returning:
        notes[f"Consent that was withdrawn is given back: {', '.join(returning)}."] = None
    if _removed_since(session, events[0]):
        notes["What was removed since stays removed."] = None
    return Undone(tuple(events), tuple(changes), tuple(notes))


def _newest(session: Session, taken: TakenBack) -> list[Event]:
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
    hint = "`gestalt index log` lists what was."
    if session.scalar(removed) is not None:
        hint = "A removal cannot be undone."
    raise NotInGallery("Nothing was corrected that could be undone.", hint)


def _of_command(session: Session, command: str, taken: TakenBack) -> list[Event]:
    rows = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.action == "correct",
        t.AuditEvent.detail["command"].as_string() == command,
    )
    keys = session.scalars(rows.order_by(t.AuditEvent.id.desc())).all()
    found = [event_at(session, key) for key in keys if key not in taken.by]
    return [one for one in found if one.detail is not None and "before" in one.detail]


def _numbered(session: Session, number: int, taken: TakenBack) -> Event:
    if session.get(t.AuditEvent, number) is None:
        raise NotInGallery(f"There is no event {number}.", "`gestalt index log` lists them.")
    event = event_at(session, number)
    if event.action not in (*CORRECTIONS, UNDO):
        raise UsageError(
            f"{_title(session, event)} is no correction.",
            f"Those are {', '.join(CORRECTIONS)} and {UNDO}.",
        )
    if event.detail is None:
        raise _emptied(session, event, None)
    if number in taken.by:
        raise PatientConflict(
            f"{_title(session, event)} is undone already, by event {taken.by[number]}.",
            f"`gestalt index undo --event {taken.by[number]}` takes that back.",
        )
    if "before" not in event.detail:
        raise PatientConflict(
            f"{_title(session, event)} replaced a face, and the one before was deleted.",
            "Add the photo again with the right --face and --update.",
        )
    return event


def _take_back(session: Session, event: Event, taken: TakenBack) -> tuple[Past, Past]:
    """Take one event back; what was there until then, and what is there now."""
    detail = event.detail
    assert detail is not None, "an event without it was refused"  # noqa: S101
    expected, then = detail["after"], detail["before"]
    # Photos that came since are no matter where none changed its patient.
    harmless = (*HARMLESS, "add") if _is_of_facts(detail) else HARMLESS
    if (since := touched_since(session, event, taken, harmless=harmless)) is not None:
        other = event_at(session, since)
        raise PatientConflict(
            f"{_title(session, event)} cannot be undone: {other.actor} touched its patients since, "
            f"by {_mid(_title(session, other))}.",
            f"First undo that one: `gestalt index undo --event {since}`."
            if other.action in (*CORRECTIONS, UNDO)
            else _NEXT,
        )
    scope = Scope.of(expected)
    now = take(session, scope)
    if not is_as(now, expected):
        raise PatientConflict(
            f"{_title(session, event)} cannot be undone: its patients are not what it left.", _NEXT
        )
    dropped = [int(key) for key, told in then["photos"].items() if told is None]
    dropped = [key for key in dropped if now["photos"][str(key)] is not None]
    now = take(session, scope, whole=dropped) if dropped else now
    subjects = subjects_of(session, keys_of(now))
    is_linked = expected["disorders"] != then["disorders"]
    put_back(session, now, then, expected, alone=is_linked and is_last(session, event, taken))
    after = take(session, scope)
    undo = record_event(
        session,
        UNDO,
        patients=keys_of(after),
        subjects=subjects,
        detail={
            "undone": event.id,
            "action": event.action,
            "changes": list(differences(now, after)),
            "before": now,
            "after": after,
        },
    )
    taken.add(event.id, undo)
    return now, after


def _is_of_facts(detail: dict[str, Any]) -> bool:
    """Whether a correction changed facts alone, and not whose a photo is."""
    before, after = detail["before"], detail["after"]
    same = all(
        was is not None and after["patients"][name] is not None
        for name, was in before["patients"].items()
    )
    return same and all(
        was is not None and (now := after["photos"][key]) is not None and was["of"] == now["of"]
        for key, was in before["photos"].items()
    )


def _withdrawn(past: Past) -> dict[str, bool]:
    """Of patients who were there, whether their consent was withdrawn."""
    return {
        name: facts["consent"] == WITHDRAWN
        for name, facts in past["patients"].items()
        if facts is not None
    }


def _returns(session: Session, events: Sequence[Event], patients: list[str]) -> ConsentReturns:
    more = f" and {len(events) - 1:,} more of the same command" if len(events) > 1 else ""
    return ConsentReturns(
        f"An undo of {_mid(_title(session, events[0]))}{more} gives back consent that was "
        f"withdrawn: {_listed(patients)} would be matched again.",
        "If that is right: `gestalt index undo --yes`; from Python, "
        f"consent_again={tuple(patients[:_NAMED])}.",
        patients,
    )


def _emptied(session: Session, event: Event, before: int | None) -> PatientConflict:
    hint = "A removal cannot be undone."
    if before is not None:
        hint += f" `gestalt index undo --event {before}` takes back the correction before it."
    return PatientConflict(
        f"{_title(session, event)} cannot be undone: a patient or a photo of it was removed since.",
        hint,
    )


def _removed_since(session: Session, event: Event) -> bool:
    later = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.id > event.id, t.AuditEvent.action.in_(REMOVALS)
    )
    return session.scalar(later.limit(1)) is not None


def _title(session: Session, event: Event) -> str:
    """`Event 12 (set of P1, 2026-03-01 10:20 UTC)`."""
    names = sorted(set(holders(session, event.subjects).values()))
    of = _listed(names) if names else "someone who left"
    return f"Event {event.id} ({event.action} of {of}, {event.at:%Y-%m-%d %H:%M} UTC)"


def _mid(title: str) -> str:
    """Within a sentence."""
    return title[:1].lower() + title[1:]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join((*islice(names, _NAMED), *([f"{more:,} more"] if more > 0 else [])))
