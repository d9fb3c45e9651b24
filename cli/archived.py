"""How commands on backups and exports end: one document for programs, or some lines for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import output

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class _Counted(Protocol):
    @property
    def patients(self) -> int: ...
    @property
    def photos(self) -> int: ...


def say_done(
    name: str, done: DataclassInstance, lines: Iterable[str], *, as_json: bool, quiet: bool
) -> None:
    """What was done, under its name in JSON; or the lines, on standard error."""
    if as_json:
        output.write_json({"version": 1, name: {k: _plain(v) for k, v in asdict(done).items()}})
    elif not quiet:
        for line in lines:
            output.say(line)


def people_text(done: _Counted) -> str:
    """`3 patients and 5 photos`."""
    return (
        f"{output.counted_text(done.patients, 'patient')} and "
        f"{output.counted_text(done.photos, 'photo')}"
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
