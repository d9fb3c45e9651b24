"""Which search engines a home uses, in a file of its own: names, addresses and what was measured,
and no secrets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gestalt_space.atomic_files import write_atomically
from gestalt_space.errors import UsageError
from gestalt_space.index.approximate import NEAREST
from gestalt_space.index.engines.registry import EngineName, parse_engine


@dataclass(frozen=True, slots=True)
class EngineRecall:
    """How much an engine finds, a mean of `measured` photos whose patients were left out.

    `photos`: of the `NEAREST` photos nearest to one, the share that it found; `disorders`: of the
    `NEAREST` disorders that come first. `rows`: how many photos it had then.
    """

    photos: float
    disorders: float
    measured: int
    rows: int

    @property
    def told(self) -> str:
        """How far it is to be trusted, for people."""
        photos = "1 photo" if self.measured == 1 else f"{self.measured:,} photos"
        return f"recall@{NEAREST} {self.photos:.2f} measured on {photos}"


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """An engine that a home uses for a space. `space`: its fingerprint; `address`: None for the
    gallery's own database, or what the engine takes where none is given. `recall`: None where
    nothing was measured yet."""

    name: EngineName
    space: str
    address: str | None = None
    recall: EngineRecall | None = None

    @property
    def key(self) -> tuple[str, str]:
        """A home has one engine of a name for a space."""
        return self.name, self.space


def read_engines(file: Path) -> tuple[EngineRecord, ...]:
    """The engines of a home. Raises `UsageError` for a file that cannot be read."""
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
        return tuple(_record(one) for one in read["engines"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file.name}, which names the search engines of the home, cannot be read.",
            "Delete the file, and add the engines again: `gestalt index engine add NAME`.",
        ) from error


def write_engines(file: Path, engines: Sequence[EngineRecord]) -> None:
    """Record the engines of a home. Raises `OutputError`."""
    text = json.dumps({"engines": [asdict(one) for one in engines]}, indent=1)
    write_atomically(file, f"{text}\n".encode())


def _record(read: dict[str, object]) -> EngineRecord:
    address, recall = read["address"], read["recall"]
    return EngineRecord(
        parse_engine(str(read["name"])),
        str(read["space"]),
        None if address is None else str(address),
        EngineRecall(**recall) if isinstance(recall, dict) else None,
    )
