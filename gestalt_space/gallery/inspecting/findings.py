"""What was looked at, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gestalt_space.errors import GestaltError

CheckState = Literal["ok", "note", "fail"]
REBUILD = "Run `gestalt index rebuild`."
BACKUP = "Restore your last backup."
SHOWN = 3
"""How many of those that are wrong are named."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that was looked at. `note`: not wrong, and worth knowing."""

    subject: str
    state: CheckState
    detail: str
    hint: str = ""


def guarded(subject: str, look: Iterator[CheckFinding]) -> Iterator[CheckFinding]:
    """The findings of a look; an error that ends it is the last of them."""
    try:
        yield from look
    except GestaltError as error:
        yield CheckFinding(subject, "fail", error.message, error.hint)


def named(names: Sequence[str], count: int) -> str:
    """The first of so many by name: `a, b and 3 more`."""
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {count - SHOWN:,} more" if count > SHOWN else shown
