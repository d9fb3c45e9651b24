"""The audit trail of a gallery as people read it: whose names are still known, and what was done in
words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError
from gestalt_space.gallery.opened import OpenGallery
from gestalt_space.names import normal_name
from gestalt_space.progress import Progress, no_progress
from gestalt_space.store import audit
from gestalt_space.store.audit import Event, Head
from gestalt_space.store.correcting import patient_key
from gestalt_space.store.pseudonyms import holders
from gestalt_space.store.reads import spaces

_AT_ONCE = 500
_HEAD = re.compile("([0-9]+):([0-9a-f]{64}|)")
_COUNTED = {
    "photos": ("photo", "photos"),
    "descriptors": ("descriptor", "descriptors"),
    "rows": ("damaged row", "damaged rows"),
    "unused": ("unused disorder or gene", "unused disorders and genes"),
    "numbers": ("wrong number", "wrong numbers"),
    "listed": ("patient listed", "patients listed"),
    "shown": ("face shown", "faces shown"),
    "lines": ("line", "lines"),
    "probes": ("probe", "probes"),
}
_SAID = {
    "photo": "photo",
    "path": "folder",
    "made_at": "made at",
    "sequence": "as of change",
    "place": "home at",
    "user": "user",
    "hospital": "descriptor sent to",
}
"""What stands before a value of a detail; what is neither here nor counted is for programs."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of the trail. `patients`: identifiers of those it is about who are in the gallery;
    `left`: how many are not any more; `told`: what was done, in words; `detail`: as it stands in
    the trail, without copies of photos, None where it was emptied."""

    id: int
    at: datetime
    actor: str
    action: str
    patients: tuple[str, ...]
    left: int
    told: tuple[str, ...]
    detail: dict[str, Any] | None
    chain: str


class AuditTrailMixin(OpenGallery):
    """A gallery whose audit trail is read."""

    def log(
        self,
        *,
        patient: str | None = None,
        newest: int | None = None,
        before: int | None = None,
        without: Collection[str] = (),
    ) -> list[LoggedEvent]:
        """The events of the trail, the oldest first: all, those about a patient of the gallery, or
        the newest so many of either; `before`: of those before the event of that number; `without`:
        actions that are left out. Raises `NotInGallery`."""
        with self.database.reading() as session:
            if patient is not None:
                patient = normal_name(patient)
                patient_key(session, patient)
            models = {space.fingerprint: space.model for space in spaces(session)}
            found: list[LoggedEvent] = []
            events = audit.events(
                session, patient=patient, newest=newest, before=before, without=without
            )
            while some := list(islice(events, _AT_ONCE)):
                names = holders(session, {subject for one in some for subject in one.subjects})
                found += (_logged(one, names, models) for one in some)
        return found

    def trail_head(self) -> Head:
        """Where the trail ends. Kept elsewhere, it shows later whether the trail was cut."""
        with self.database.reading() as session:
            return audit.head(session)

    def check_trail(self, old: Head | None = None, progress: Progress = no_progress) -> list[str]:
        """What shows that the trail was changed or cut, since an `old` head also by somebody who
        made it anew; nothing where it was not."""
        with self.database.reading() as session:
            problems = list(audit.trail_problems(session, progress))
            if old is not None and (other := audit.head_problem(session, old)) is not None:
                problems.append(other)
        return problems


def parse_head(text: str) -> Head:
    """A head as `head_text` wrote it. Raises `UsageError`."""
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise UsageError(
            f"{text[:40]!r} is not the head of an audit trail.",
            "Give the output of `gestalt index log --head`, like 12:3a7f… with 64 digits after "
            "the colon.",
        )
    return Head(int(found[1]), found[2])


def head_text(head: Head) -> str:
    """How many events there are, and the chain of the last one."""
    return f"{head.events}:{head.chain}"


def _logged(event: Event, names: Mapping[str, str], models: Mapping[str, str]) -> LoggedEvent:
    known = [names[subject] for subject in event.subjects if subject in names]
    detail = event.detail
    if detail is not None:
        # Copies of photos are for an undo, and no reading.
        detail = {
            name: {part: told for part, told in value.items() if part != "rows"}
            if name in ("before", "after")
            else value
            for name, value in detail.items()
        }
    return LoggedEvent(
        event.id,
        event.at,
        event.actor,
        event.action,
        tuple(sorted(set(known))),
        len(event.subjects) - len(known),
        tuple(_words(event.detail, models)),
        detail,
        event.chain,
    )


def _words(detail: dict[str, Any] | None, models: Mapping[str, str]) -> Iterator[str]:
    """`models`: names of encoders by the fingerprints of their spaces."""
    if detail is None:
        yield "deleted when a patient or photo was removed"
        return
    if "undone" in detail:
        yield f"event {detail['undone']} ({detail['action']}) undone"
    if "space" in detail:
        fingerprint = str(detail["space"])
        model = detail.get("model") or models.get(fingerprint)
        yield f"space {fingerprint[:12]}" if model is None else f"space of {model}"
    for name, value in detail.items():
        if name in _COUNTED and isinstance(value, int):
            yield counted_text(value, *_COUNTED[name])
        elif name in _SAID:
            yield f"{_SAID[name]} {value}"
    yield from detail.get("changes", ())
