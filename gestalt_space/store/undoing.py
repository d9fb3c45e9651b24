"""Takes corrections back, by what the audit trail says was there before: the newest that is not
undone yet, or the one that is named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import ConsentReturns, PatientConflict
from gestalt_space.store import tables as t
from gestalt_space.store.audit import Event, event_at, record_event
from gestalt_space.store.differences import Change, differences
from gestalt_space.store.past import Past, Scope, is_as, keys_of, part_of, take
from gestalt_space.store.pseudonyms import subjects_of
from gestalt_space.store.restoring import put_back
from gestalt_space.store.taken_back import (
    CORRECTIONS,
    HARMLESS,
    PENDING,
    REMOVALS,
    UNDO,
    TakenBack,
    is_last,
    taken_back,
    touched_since,
)
from gestalt_space.store.undo_choice import NAMED, mid, newest, numbered, patients_text, title
from gestalt_space.types import WITHDRAWN

_NEXT = "`gestalt index log` shows the old values; restore them with `gestalt index set`."


@dataclass(frozen=True, slots=True)
class Undone:
    """The corrections that were taken back, the newest first, and what changed with that, in
    words."""

    events: tuple[Event, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def undo(
    session: Session,
    number: int | None = None,
    *,
    consent_again: Collection[str] = (),
    expected: Sequence[int] = (),
) -> Undone:
    """Take back the newest correction that is not undone, all that one command added to patients
    who were there; or the event of a number, which may be an undo.

    `consent_again`: patients whose consent is withdrawn and may come back; `expected`: the numbers
    of the events that somebody was asked about, where others are not to be taken back. Raises
    `ConsentReturns` where others' would; `NotInGallery` where there is no such event; `UsageError`
    for one that is no correction; `PatientConflict` for one that is undone, or where something
    since touched the same patients.
    """
    taken = taken_back(session)
    events = newest(session, taken) if number is None else [numbered(session, number, taken)]
    if expected and [one.id for one in events] != list(expected):
        raise PatientConflict(
            f"Meanwhile, there was a new event: {mid(title(session, events[0]))}. It would be "
            "undone instead of the one that you confirmed.",
            "Nothing was undone. Check `gestalt index log` and try again.",
        )
    now, after = _take_back(session, events, taken)
    returning = _matched_again(now, after)
    if not set(returning) <= set(consent_again):
        raise _returns(session, events, returning)
    notes = []
    if returning:
        notes.append(f"Restored the withdrawn consent of: {', '.join(returning)}.")
    if any(_detail(one).get("faces") for one in events):
        notes.append("A replaced face was not restored: the old face was deleted.")
    if _removed_since(session, events[0]):
        notes.append("Data removed later stay removed.")
    return Undone(tuple(events), differences(now, after), tuple(notes))


def _take_back(session: Session, events: Sequence[Event], taken: TakenBack) -> tuple[Past, Past]:
    """Take events back, the newest first, all at once; what was there until then, and what is there
    now. Each gets an undo of its own in the trail."""
    for event in events:
        taken.add(event.id, PENDING)
    for event in events:
        _refuse_touched(session, event, taken)
    expected = _joined(_detail(one)["after"] for one in events)
    then = _joined(_detail(one)["before"] for one in reversed(events))
    scope = Scope.of(expected)
    now = take(session, scope)
    if not is_as(now, expected):
        raise _other(session, events, now, expected)
    dropped = [int(key) for key, told in then["photos"].items() if told is None]
    dropped = [key for key in dropped if now["photos"][str(key)] is not None]
    now = take(session, scope, whole=dropped) if dropped else now
    subjects = {
        event.id: subjects_of(session, keys_of(part_of(now, _detail(event)["after"])))
        for event in events
    }
    is_linked = expected["disorders"] != then["disorders"]
    alone = is_linked and is_last(session, events[-1], taken)
    put_back(session, now, then, expected, alone=alone)
    after = take(session, scope)
    for event in events:
        was, left = (now, after) if len(events) == 1 else _step(event, now, after)
        undo = record_event(
            session,
            UNDO,
            patients=keys_of(left),
            subjects=subjects[event.id],
            detail={
                "undone": event.id,
                "action": event.action,
                "changes": list(map(str, differences(was, left))),
                "before": was,
                "after": left,
            },
        )
        taken.add(event.id, undo)
    return now, after


def _step(event: Event, now: Past, after: Past) -> tuple[Past, Past]:
    """What one of several events changed when it was taken back: patients who are in several of
    them went back one event at a time."""
    before, left = _detail(event)["before"], _detail(event)["after"]
    people = ("patients", "photos")
    return (
        part_of(now, left) | {what: left[what] for what in people},
        part_of(after, before) | {what: before[what] for what in people},
    )


def _joined(pasts: Iterable[Past]) -> Past:
    """Several as one; of what is in several, the first counts."""
    joined: Past = {}
    for past in pasts:
        for what, part in past.items():
            known = joined.setdefault(what, {})
            known.update((name, one) for name, one in part.items() if name not in known)
    return joined


def _refuse_touched(session: Session, event: Event, taken: TakenBack) -> None:
    # Photos that came since are no matter where none changed its patient.
    harmless = (*HARMLESS, "add") if _is_of_facts(_detail(event)) else HARMLESS
    since = touched_since(session, event, taken, harmless=harmless)
    if since is None:
        return
    other = event_at(session, since)
    raise PatientConflict(
        f"{title(session, event)} cannot be undone: {other.actor} changed its patients later, by "
        f"{mid(title(session, other))}.",
        f"Undo the later change first: `gestalt index undo --event {since}`."
        if other.action in (*CORRECTIONS, UNDO)
        else _NEXT,
    )


def _other(session: Session, events: Sequence[Event], now: Past, expected: Past) -> PatientConflict:
    """The refusal of events whose patients are otherwise than they left them."""
    event = next(
        one
        for one in events
        for what in ("patients", "photos")
        for name in _detail(one)["after"][what]
        if now[what][name] != expected[what][name]
    )
    return PatientConflict(
        f"{title(session, event)} cannot be undone: its patients were changed later.", _NEXT
    )


def _detail(event: Event) -> dict[str, Any]:
    assert event.detail is not None, "an event without it was refused"  # noqa: S101
    return event.detail


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


def _matched_again(now: Past, after: Past) -> list[str]:
    """Who is matched after an undo and was not before, their consent or that of the patient whom
    their photos belonged to being withdrawn."""
    was, is_now = _withdrawn(now), _withdrawn(after)
    back = {name for name, withdrawn in was.items() if withdrawn and is_now.get(name) is False}
    for key, photo in now["photos"].items():
        then = after["photos"].get(key)
        if photo is None or then is None or not was.get(photo["of"]):
            continue
        if is_now.get(then["of"]) is False:
            back.add(then["of"])
    return sorted(back)


def _returns(session: Session, events: Sequence[Event], patients: list[str]) -> ConsentReturns:
    more = f" and {len(events) - 1:,} more of the same command" if len(events) > 1 else ""
    return ConsentReturns(
        f"Undoing {mid(title(session, events[0]))}{more} would restore a withdrawn consent: "
        f"{patients_text(patients)} would be matched again.",
        "If that is right, use `gestalt index undo --yes`; in Python, "
        f"consent_again={tuple(patients[:NAMED])}.",
        patients,
        [one.id for one in events],
    )


def _removed_since(session: Session, event: Event) -> bool:
    later = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.id > event.id, t.AuditEvent.action.in_(REMOVALS)
    )
    return session.scalar(later.limit(1)) is not None
