"""Keeps the indexes of a home behind its database, and cleans away what was removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from gestalt_space.errors import DatabaseError, DescriptorError, OutputError
from gestalt_space.gallery.calibration.kept import forget
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.store import purges, reads
from gestalt_space.store.engine import Database


class Keeper:
    """Of one home. `folder`: of its indexes; `calibrating`: of what is kept of calibrations that
    were begun; `timeout`: seconds to wait for another process."""

    def __init__(self, database: Database, folder: Path, calibrating: Path, timeout: float) -> None:
        self._database = database
        self._folder = folder
        self._calibrating = calibrating
        self._timeout = timeout

    def follow(self) -> None:
        """Let every index follow. What cannot be written now is written the next time; matches and
        `gestalt doctor` tell of a database that is damaged."""
        for sealer in self._sealers():
            with suppress(OutputError, DatabaseError, DescriptorError):
                sealer.follow()

    def rebuild(self) -> int:
        """Write every index anew, from the database; returns how many there are. Raises
        `OutputError`."""
        sealers = self._sealers()
        for sealer in sealers:
            sealer.follow(rebuild=True)
        self.purge(always=True)
        return len(sealers)

    def purge(self, *, always: bool = False) -> None:
        """Clean the indexes and the write-ahead log of what was removed, now or by a process that
        was stopped before it came to that; where nothing was, nothing is done but `always`.

        Raises `OutputError` and `DatabaseError` where something still holds it; it is remembered.
        """
        with self._database.reading() as session:
            notes = purges.pending_purges(session)
        if not notes and not always:
            return
        for sealer in self._sealers():
            sealer.follow()
        forget(self._calibrating)
        self._database.truncate_log()
        if notes:
            with self._database.writing() as session:
                purges.purge_done(session, notes)

    def _sealers(self) -> Sequence[Sealer]:
        with self._database.reading() as session:
            spaces = reads.spaces(session)
        return [Sealer(self._database, space, self._folder, self._timeout) for space in spaces]


def attempted(work: Callable[[], None]) -> DatabaseError | OutputError | None:
    """Why some work could not be done, None where it was."""
    try:
        work()
    except (DatabaseError, OutputError) as error:
        return error
    return None
