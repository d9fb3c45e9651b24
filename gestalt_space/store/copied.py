"""Copies of a gallery that its audit trail tells of, and where they are: backups, exports,
models that were trained on its patients, and hospitals that were asked about them. A path that
names somebody who is erased is kept without the name, for whoever looks for the copy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.names import likeness
from gestalt_space.store import tables as t
from gestalt_space.store.audit import COPIES, empty_events, record_event, values_of
from gestalt_space.store.chunks import chunks

TRAIN = "train"
"""What it calls a training."""
ASK = "ask"
"""What it calls a descriptor that was sent to another hospital."""
MODELS = ("space", "classifier")
"""Under which of these an event of a finished training has the model's fingerprint."""
COPY = "copy"
"""What the audit trail calls it when the path of a copy is noted anew."""
LEFT_OUT = "[...]"
"""Stands in a path for what named somebody."""
_LONG = 6
"""Bytes of a name from which on it says something within a word as well."""
_READ = {"restore": "backup", "import": "export"}
"""What was read by an action of the audit trail."""


@dataclass(frozen=True, slots=True)
class CopyMade:
    """A copy that an event of the trail tells of, by its id. `path`: without the names of those who
    were erased, empty where it is not known; of a question, the hospital; `model`: the fingerprint
    of a finished training."""

    event: int
    action: str
    path: str
    at: datetime
    model: str

    def told(self) -> dict[str, Any]:
        """As documents have it."""
        at = self.at.isoformat(timespec="seconds")
        return {"action": self.action, "path": self.path, "at": at}


@dataclass(frozen=True, slots=True)
class CopiesOf:
    """What the trail knows of copies of some patients: `events` tell of one that had them.
    `is_whole`: whether one of which no event tells so did not have them, if the event of its
    beginning is there."""

    events: frozenset[int]
    is_whole: bool

    @classmethod
    def read(cls, session: Session, patients: Collection[int]) -> CopiesOf:
        """Of patients who are in the gallery, by their keys."""
        found: set[int] = set()
        for some in chunks(patients):
            told = (
                sa.select(t.AuditSubject.event_id)
                .join(t.Pseudonym, t.Pseudonym.subject == t.AuditSubject.subject)
                .join(t.AuditEvent, t.AuditEvent.id == t.AuditSubject.event_id)
                .where(t.Pseudonym.patient_id.in_(some), t.AuditEvent.action.in_(COPIES))
            )
            found |= set(session.scalars(told))
        return cls(frozenset(found), is_whole=True)

    def copies(self, session: Session) -> list[dict[str, Any]]:
        """The copies that have them, or may have, as `copies_made` gives them. `certain`: whether
        it is known."""
        made = _made(session)
        having = {one.path for one in made if one.event in self.events}
        begun = {one.path for one in made if one.action == TRAIN and not one.model}
        return [
            {**one.told(), "certain": one.path in having}
            for one in _each_once(made)
            if self._may_have(one, having, begun)
        ]

    def _may_have(self, one: CopyMade, having: Collection[str], begun: Collection[str]) -> bool:
        if one.action == ASK:
            return one.event in self.events  # it is about those alone whom its event names
        return (
            one.action != TRAIN or one.path in having or not (self.is_whole and one.path in begun)
        )

    def models(self, session: Session) -> dict[str, bool]:
        """Whether the models of finished trainings, by their fingerprints, were trained on them;
        without those of which that is not known."""
        found: dict[str, bool] = {}
        for one in _made(session):
            if one.model and (self.is_whole or one.event in self.events):
                found[one.model] = found.get(one.model, False) or one.event in self.events
        return found


def copies_made(session: Session) -> list[dict[str, Any]]:
    """The backups, exports and models that were made or read, by kind, path and time, the oldest
    first; a training that was noted more than once, the last time. One whose detail was emptied has
    the path that was noted instead, or none."""
    return [one.told() for one in _each_once(_made(session)) if one.action != ASK]


def _each_once(made: Sequence[CopyMade]) -> list[CopyMade]:
    last = {one.path: one.event for one in made if one.action == TRAIN}
    return [one for one in made if one.action != TRAIN or last[one.path] == one.event]


def _made(session: Session) -> list[CopyMade]:
    noted: dict[int, dict[str, Any]] = {}
    made = []
    for key, action, at, detail in session.execute(_events()):
        if action != COPY:
            made.append((key, _READ.get(action, action), at, detail or {}))
        elif detail is not None:
            noted[detail["of"]] = detail
    found = []
    for key, action, at, detail in made:
        told = noted.get(key, detail)
        model = next((str(told[name]) for name in MODELS if name in told), "")
        found.append(CopyMade(key, action, _place(told), at, model))
    return found


def leave_out_of_paths(
    session: Session, identifiers: Collection[str], others: Collection[str] = ()
) -> int:
    """Take identifiers out of what the trail tells of copies, and other texts where they are so
    long that they say something; returns of how many events. Each path is noted anew without
    them."""
    long = [text for text in others if len(text.encode()) >= _LONG]
    names = sorted({*identifiers, *long}, key=len, reverse=True)
    naming = [
        (key, action, detail)
        for key, action, _, detail in session.execute(_events())
        if detail is not None
        and any(_is_named(text, value) for value in values_of(detail) for text in names)
    ]
    for key, action, detail in naming:
        empty_events(session, [key])
        of = detail["of"] if action == COPY else key
        kept = {name: detail[name] for name in MODELS if name in detail}
        path = without_names(_place(detail), names)
        record_event(session, COPY, detail={"of": of, "path": path, **kept})
    return len(naming)


def _place(detail: Mapping[str, Any]) -> str:
    """Where a copy is, as its event has it."""
    return str(detail.get("path") or detail.get("hospital") or "")


def without_names(path: str, names: Iterable[str]) -> str:
    """A path with `LEFT_OUT` in the place of names; where they are written otherwise, of the whole
    name of a folder."""
    for name in names:
        if not _is_named(name, path):
            continue
        path = re.sub(_pattern(name), LEFT_OUT, path, flags=re.IGNORECASE)
        parts = re.split(r"([/\\])", path)
        path = "".join(LEFT_OUT if _is_named(name, part) else part for part in parts)
        path = LEFT_OUT if _is_named(name, path) else path
    return path


def _is_named(name: str, text: str) -> bool:
    """Whether a text names somebody, to a reader."""
    return re.search(_pattern(likeness(name)), likeness(text)) is not None


def _pattern(name: str) -> str:
    """A name; a short one as a word alone."""
    whole = re.escape(name)
    return whole if len(name.encode()) >= _LONG else rf"(?<![^\W_]){whole}(?![^\W_])"


def _events() -> sa.Select[tuple[int, str, datetime, dict[str, Any] | None]]:
    event = t.AuditEvent
    told = sa.select(event.id, event.action, event.at, event.detail)
    return told.where(event.action.in_((*COPIES, COPY))).order_by(event.id)
