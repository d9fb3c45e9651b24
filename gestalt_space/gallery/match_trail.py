"""Matches in the audit trail. Those of several threads go into it together: each transaction that
writes waits for the one before, and for the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gestalt_space.call_batching import BatchedCalls
from gestalt_space.store.audit import record_event
from gestalt_space.store.engine import Database
from gestalt_space.store.lookups import find_patient

MOST_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class AskedMatch:
    """A match as the trail has it: who asked, about which `patients` of the gallery, by identifier,
    and with how many photos."""

    actor: str
    patients: tuple[str, ...]
    photos: int


class MatchTrail:
    """Writes matches into the trail of a database. Threads share it; see `BatchedCalls`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._write_together = BatchedCalls(
            self._write, kind=lambda _: None, weight=lambda _: 1, most=MOST_TOGETHER
        )

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return self._write_together.waiting

    def add(self, asked: AskedMatch) -> None:
        """Write a match; when this returns it is on the disk. Raises `DatabaseError`."""
        self._write_together(asked)

    def _write(self, matches: Sequence[AskedMatch]) -> list[None]:
        with self._database.writing() as session:
            for asked in matches:
                keys = [find_patient(session, name) for name in asked.patients]
                record_event(
                    session,
                    "match",
                    patients=[key for key in keys if key is not None],
                    detail={"photos": asked.photos},
                    actor=asked.actor,
                )
        return [None] * len(matches)
