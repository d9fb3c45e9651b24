"""How commands on backups and exports end: one document for programs, or some lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from gestalt_space.counts import counted_text

from . import output


class _Counted(Protocol):
    @property
    def patients(self) -> int: ...
    @property
    def photos(self) -> int: ...


def say_done(
    document: Mapping[str, object], lines: Iterable[str], *, as_json: bool, quiet: bool
) -> None:
    """What was done, as a document; or the lines, on standard error."""
    if as_json:
        output.write_json(document)
    elif not quiet:
        for line in lines:
            output.say(line)


def people_text(done: _Counted) -> str:
    """`3 patients and 5 photos`."""
    return f"{counted_text(done.patients, 'patient')} and {counted_text(done.photos, 'photo')}"
