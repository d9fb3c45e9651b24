"""Copies of a gallery that its audit trail tells of, and where they are: backups, exports, and
models that were trained on its patients. A
path that names somebody who is erased is kept without the name, for whoever looks for the copy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.names import likeness
from gestalt_space.store import tables as t
from gestalt_space.store.audit import COPIES, empty_events, record_event, values_of

TRAIN = "train"
"""What it calls a training."""
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


def copies_made(session: Session) -> list[dict[str, str]]:
    """The backups, exports and models that were made or read, by kind, path and time, the oldest
    first; a training that was noted more than once, the last time. One whose detail was emptied has
    the path that was noted instead, or none."""
    noted: dict[int, str] = {}
    made = []
    for key, action, at, detail in session.execute(_events()):
        if action == COPY:
            if detail is not None:
                noted[detail["of"]] = detail["path"]
        else:
            path = str((detail or {}).get("path", ""))
            made.append((key, _READ.get(action, action), path, at))
    found = [
        {"action": action, "path": noted.get(key, path), "at": at.isoformat(timespec="seconds")}
        for key, action, path, at in made
    ]
    last = {one["path"]: place for place, one in enumerate(found) if one["action"] == TRAIN}
    return [
        one
        for place, one in enumerate(found)
        if one["action"] != TRAIN or last[one["path"]] == place
    ]


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
        path = without_names(str(detail.get("path", "")), names)
        record_event(session, COPY, detail={"of": of, "path": path, **kept})
    return len(naming)


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
