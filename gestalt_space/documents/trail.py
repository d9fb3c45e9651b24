"""`gestalt index log`: who did what to a gallery, and whether the trail is whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from gestalt_space.documents.form import Form, filled, time_text
from gestalt_space.gallery.trail import LoggedEvent, head_text
from gestalt_space.store.audit import Head
from gestalt_space.tables.table import Column, Table

NOBODY = "someone who left"
SHOWN_PATIENTS = 4
"""Patients of an event that are named in the table for people; JSON and CSV name all."""
SHOWN_WORDS = 12
"""Lines of an event in the table for people."""


class EventForm(Form):
    """An event. `left`: how many patients it was about who were removed since; `told`: what it
    says, in words; `detail`: the same for programs, null once it is emptied; `chain`: its hash."""

    id: int
    at: str
    actor: str
    action: str
    patients: list[str]
    left: int
    told: list[str]
    detail: dict[str, Any] | None
    chain: str


class LogDocument(Form):
    """Events, the oldest first. `next`: before which event the ones come that are older, null where
    these were all that were asked for."""

    document: Literal["log"]
    version: Literal[1]
    events: list[EventForm]
    next: int | None


class LogHeadDocument(Form):
    """The end of the trail: how many events there are, and the last one's hash. `head`: both."""

    document: Literal["log-head"]
    version: Literal[1]
    head: str
    events: int
    chain: str


class LogCheckDocument(Form):
    """A trail that was checked. `problems` in words: there are none where it is whole."""

    document: Literal["log-check"]
    version: Literal[1]
    head: str
    problems: list[str]


def log_document(events: Iterable[LoggedEvent], before: int | None = None) -> LogDocument:
    """Events; those that are older come `before` one."""
    return {
        "document": "log",
        "version": 1,
        "events": [filled(EventForm, one, at=time_text(one.at)) for one in events],
        "next": before,
    }


def log_head_document(head: Head) -> LogHeadDocument:
    """The end of the trail."""
    return {
        "document": "log-head",
        "version": 1,
        "head": head_text(head),
        "events": head.events,
        "chain": head.chain,
    }


def log_check_document(head: Head, problems: Sequence[str]) -> LogCheckDocument:
    """A trail that was checked."""
    return {
        "document": "log-check",
        "version": 1,
        "head": head_text(head),
        "problems": list(problems),
    }


def log_table(events: Iterable[LoggedEvent]) -> Table:
    """A row for each event."""
    table = Table(
        (
            Column("id", "integer", title="event"),
            Column("when", "time", shown="%Y-%m-%d %H:%M", whole=True),
            Column("who"),
            Column("what", whole=True),
            Column("whom", title="patients", readers="people"),
            Column("patients", readers="programs"),
            Column("left", "integer", readers="programs"),
            Column("details", shown=lambda told: "\n".join(_cut(told, SHOWN_WORDS, "more"))),
        )
    )
    for one in events:
        table.add_row(
            *(one.id, one.at, one.actor, one.action, _named(one)),
            *(one.patients, one.left, one.told),
        )
    return table


def _named(event: LoggedEvent) -> str:
    named = list(_cut(event.patients, SHOWN_PATIENTS, "others"))
    if event.left:
        named.append(NOBODY if event.left == 1 else f"{event.left:,} who left")
    return "; ".join(named)


def _cut(lines: Sequence[str], most: int, word: str) -> Sequence[str]:
    more = len(lines) - most
    return [*lines[:most], f"{more:,} {word}"] if more > 1 else lines
