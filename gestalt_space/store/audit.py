"""The audit trail: who did what, when, and to whom, in the transaction of what was done.

Events are only ever added, and each has the sha256 of the one before, so that a cut or a change
shows. Patients stand in it by keyed hashes (HMAC, RFC 2104), whose keys go with the patient. What
an event tells beyond that is hashed with a random salt: it can be emptied, and the chain holds.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.progress import Progress, no_progress
from gestalt_space.store import tables as t
from gestalt_space.store.actors import actor_of
from gestalt_space.store.chunks import chunks
from gestalt_space.store.pseudonyms import subjects_of

FETCHED = 1024
COPIES = ("backup", "export", "restore", "import", "train", "ask")
"""Actions that leave a copy of patients outside of the gallery, or came from one; an encoder that
was trained on them counts as one, and so does a descriptor that another hospital was sent. Their
details say where it is, and stay when one of them leaves: whoever erases needs to know."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the trail. `detail` is None where it was emptied; `subjects`: keyed hashes."""

    id: int
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any] | None
    subjects: tuple[str, ...]
    chain: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where the trail ends: how many events there are, and the chain of the last one. Kept
    elsewhere, it shows later whether the trail was cut."""

    events: int
    chain: str


def record_event(
    session: Session,
    action: str,
    *,
    patients: Collection[int] = (),
    subjects: Collection[str] = (),
    detail: Mapping[str, Any] | None = None,
    actor: str | None = None,
) -> int:
    """Add an event about patients, by their keys in the database; returns its id.

    `subjects`: keyed hashes of others, who had theirs before what was done. `actor`: who did it,
    where it is not on whose behalf the session works.

    `detail` is JSON: what a person needs to understand or undo it. It may name patients among
    `patients`, and nobody else: it is emptied when one of them leaves. In the transaction of what
    was done, which holds the writer's lock.
    """
    told = dict(detail or {})
    salt = secrets.token_bytes(16)
    about = sorted({*subjects_of(session, patients), *subjects})
    head = session.execute(sa.select(t.Change.events, t.Change.event_chain)).one()
    event = t.AuditEvent(
        at=datetime.now(UTC),
        actor=actor or actor_of(session),
        action=action,
        detail=told,
        salt=salt,
        digest=_digest(salt, told),
        subjects=_subjects_digest(about),
        chain="",
    )
    session.add(event)
    # Its key is part of the chain.
    session.flush()
    event.chain = _chain(head.event_chain, event)
    session.flush()
    if about:
        rows = [{"event_id": event.id, "subject": subject} for subject in about]
        session.execute(sa.insert(t.AuditSubject), rows)
    session.execute(sa.update(t.Change).values(events=t.Change.events + 1, event_chain=event.chain))
    return event.id


def events(
    session: Session,
    *,
    patient: str | None = None,
    newest: int | None = None,
    before: int | None = None,
    without: Collection[str] = (),
) -> Iterator[Event]:
    """The trail, the oldest event first: all of it, that of a patient of the gallery by identifier,
    or the newest so many; `before`: of the events before that one, by id; `without`: actions that
    are left out."""
    query = sa.select(t.AuditEvent)
    if without:
        query = query.where(t.AuditEvent.action.not_in(without))
    if before is not None:
        query = query.where(t.AuditEvent.id < before)
    if patient is not None:
        theirs = (
            sa.select(t.AuditSubject.event_id)
            .join(t.Pseudonym, t.Pseudonym.subject == t.AuditSubject.subject)
            .join(t.Patient, t.Patient.id == t.Pseudonym.patient_id)
            .where(t.Patient.external_id == patient)
        )
        query = query.where(t.AuditEvent.id.in_(theirs))
    if newest is not None:
        last = query.order_by(t.AuditEvent.id.desc()).limit(newest).subquery()
        query = sa.select(t.AuditEvent).where(t.AuditEvent.id.in_(sa.select(last.c.id)))
    rows = session.scalars(query.order_by(t.AuditEvent.id).execution_options(yield_per=FETCHED))
    for some in rows.partitions():
        subjects = _subjects_of(session, [event.id for event in some])
        for event in some:
            yield _event(event, subjects.get(event.id, ()))
            session.expunge(event)


def event_at(session: Session, key: int) -> Event:
    """An event by its id."""
    return _event(session.get_one(t.AuditEvent, key), _subjects_of(session, [key]).get(key, ()))


def head(session: Session) -> Head:
    """Where the trail ends."""
    return Head(*session.execute(sa.select(t.Change.events, t.Change.event_chain)).one())


def empty_details(session: Session, patients: Collection[int]) -> int:
    """Empty what events tell of patients, by their keys, who leave; returns of how many events."""
    count = 0
    for some in chunks(patients):
        theirs = (
            sa.select(t.AuditSubject.event_id)
            .join(t.Pseudonym, t.Pseudonym.subject == t.AuditSubject.subject)
            .where(t.Pseudonym.patient_id.in_(some))
        )
        emptied = session.scalars(
            sa.update(t.AuditEvent)
            .where(
                t.AuditEvent.id.in_(theirs),
                t.AuditEvent.salt.is_not(None),
                t.AuditEvent.action.not_in(COPIES),
            )
            .values(detail=sa.null(), salt=None)
            .returning(t.AuditEvent.id)
            .execution_options(synchronize_session=False)
        )
        count += len(emptied.all())
    return count


def empty_details_naming(session: Session, texts: Collection[str]) -> int:
    """Empty what events tell in which one of some texts stands as a whole value; returns of how
    many. Of patients who left, their own are empty already: these are of others, who had one of
    their photos before, say."""
    wanted = set(texts)
    held = sa.select(t.AuditEvent.id, t.AuditEvent.detail).where(t.AuditEvent.salt.is_not(None))
    naming = [
        key
        for key, detail in session.execute(held.execution_options(yield_per=FETCHED))
        if not wanted.isdisjoint(values_of(detail))
    ]
    empty_events(session, naming)
    return len(naming)


def empty_events(session: Session, events: Collection[int]) -> None:
    """Empty what some events tell, by their ids."""
    for some in chunks(events):
        session.execute(
            sa.update(t.AuditEvent)
            .where(t.AuditEvent.id.in_(some))
            .values(detail=sa.null(), salt=None)
            .execution_options(synchronize_session=False)
        )


def last_event(session: Session) -> int:
    """The id of the last event, 0 where there is none."""
    return session.scalar(sa.select(sa.func.max(t.AuditEvent.id))) or 0


def is_erased_after(session: Session, event: int) -> bool:
    """Whether somebody was erased after an event, by its id."""
    later = sa.select(t.AuditEvent.id).where(
        t.AuditEvent.id > event, t.AuditEvent.action == "erase"
    )
    return session.scalar(later.limit(1)) is not None


def trail_problems(session: Session, progress: Progress = no_progress) -> Iterator[str]:
    """What shows that the trail was changed or cut, in words; nothing where it was not. `progress`
    is given events."""
    chain, count, whole = "", 0, head(session).events
    query = sa.select(t.AuditEvent).order_by(t.AuditEvent.id)
    for some in session.scalars(query.execution_options(yield_per=FETCHED)).partitions():
        subjects = _subjects_of(session, [event.id for event in some])
        for event in some:
            count += 1
            if _chain(chain, event) != event.chain:
                yield f"event {event.id} was changed, or one before it is missing"
            if event.salt is not None and _digest(event.salt, event.detail) != event.digest:
                yield f"the details of event {event.id} were changed"
            if event.salt is None and event.detail is not None:
                yield f"the details of event {event.id} were restored"
            if _subjects_digest(subjects.get(event.id, [])) != event.subjects:
                yield f"the patients of event {event.id} were changed"
            chain = event.chain
            session.expunge(event)
        progress(count, max(count, whole))
    end = head(session)
    if (count, chain) != (end.events, end.chain):
        yield f"the trail has {count:,} events instead of {end.events:,}: its end was deleted"


def values_of(value: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from values_of(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from values_of(inner)


def _event(row: t.AuditEvent, subjects: Sequence[str]) -> Event:
    return Event(row.id, row.at, row.actor, row.action, row.detail, tuple(subjects), row.chain)


def _subjects_of(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for some in chunks(ids):
        rows = session.execute(
            sa.select(t.AuditSubject.event_id, t.AuditSubject.subject)
            .where(t.AuditSubject.event_id.in_(some))
            .order_by(t.AuditSubject.event_id, t.AuditSubject.subject)
        )
        for event, subject in rows:
            found.setdefault(event, []).append(subject)
    return found


def head_problem(session: Session, old: Head) -> str | None:
    """What shows that the trail does not begin with what it was at an old head; None where it
    does."""
    query = sa.select(t.AuditEvent.chain).order_by(t.AuditEvent.id)
    last = "" if not old.events else session.scalar(query.offset(old.events - 1).limit(1))
    if last is None:
        return f"the trail had {old.events:,} events, and now has fewer"
    if last != old.chain:
        return f"the first {old.events:,} events were changed"
    return None


def _digest(salt: bytes, detail: Mapping[str, Any] | None) -> str:
    return hashlib.sha256(salt + _canonical(detail)).hexdigest()


def _subjects_digest(subjects: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(subjects).encode()).hexdigest()


def _chain(before: str, event: t.AuditEvent) -> str:
    at = event.at.isoformat(timespec="microseconds")
    fixed = [before, event.id, at, event.actor, event.action, event.digest, event.subjects]
    return hashlib.sha256(_canonical(fixed)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
