"""Keeps the indexes of a home behind its database, and cleans away what was removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from gestalt_space.atomic_folders import delete_begun
from gestalt_space.errors import (
    CropStoreError,
    DatabaseError,
    DescriptorError,
    EngineError,
    GestaltError,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.calibration.array_cache import forget
from gestalt_space.gallery.engines.opened import OpenEngines
from gestalt_space.gallery.halves import delete_halves
from gestalt_space.gallery.identity import home_of, is_copy, registered_home, was_forgotten
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.outer_crops import delete_left, has_left
from gestalt_space.gallery.rebuilding import Rebuilt, WrittenIndex
from gestalt_space.gallery.repairs import CAME_BACK, CLEANED, COPIED, TIDIED, Repair, half_deleted
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.index.changing import wipe_away
from gestalt_space.index.manifest import files_of_space, foreign_files
from gestalt_space.paths import display_name
from gestalt_space.progress import Stages, no_stages
from gestalt_space.store import erasures, purges, reads
from gestalt_space.store.engine import Database
from gestalt_space.store.mending import Mended


class Keeper:
    """Of one home. `folder`: of its indexes; `calibrating`: of what is kept of calibrations that
    were begun; `timeout`: seconds to wait for another process; `engines`: that search it, too."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        calibrating: Path,
        timeout: float,
        engines: OpenEngines | None = None,
    ) -> None:
        self._database = database
        self._folder = folder
        self._calibrating = calibrating
        self._timeout = timeout
        self._engines = engines
        self.repairs: list[Repair] = []
        """What was found wrong and mended, in order."""

    def follow(self) -> None:
        """Let every index and every engine follow. What cannot be written now is written the next
        time; matches and `gestalt doctor` tell of a database that is damaged."""
        for sealer in self._sealers():
            with suppress(OutputError, DatabaseError, DescriptorError):
                sealer.follow()
        if self._engines is not None:
            self._engines.follow()

    def rebuild(self, mended: Mended, stages: Stages = no_stages) -> Rebuilt:
        """Write every index anew, from the database, and wipe away files of spaces that it does not
        have; says what was done, and what was mended before. Raises `OutputError`."""
        indexes = tuple(self._written_anew(sealer, stages) for sealer in self._sealers())
        foreign = tuple(path.name for path in self._foreign())
        cleaned = self.purge(always=True)
        return Rebuilt(indexes, foreign, cleaned, mended)

    def finish_left(self) -> None:
        """Clean away what a process that was stopped has left, here and of a backup, an export or
        an import, and all of an index that the database has forgotten or knows in another folder,
        unless another one is at work. Raises as `purge` does."""
        gone, _ = delete_halves(self._folder)
        if (file := self._database.file) is not None:
            gone += delete_begun(file)[0]
        self.repairs += [half_deleted(display_name(path)) for path in gone]
        with self._database.reading() as session:
            is_back = was_forgotten(session, self._folder)
        if is_back or is_copy(self._database, self._folder):
            with locked(self._folder, 0):
                registered_home(self._database, self._folder)
            forget(self._calibrating)
            self.repairs.append(CAME_BACK if is_back else COPIED)
            self.follow()
        if self.purge(wait=False, outside=False):
            self.repairs.append(CLEANED)
        with suppress(OutputError):
            tidied = [sealer.tidy() for sealer in self._sealers(0)]
            if any(tidied):
                self.repairs.append(TIDIED)

    def purge(
        self,
        *,
        always: bool = False,
        wait: bool = True,
        outside: bool = True,
        waiting: Callable[[], object] | None = None,
    ) -> bool:
        """Clean the indexes, the engines and the write-ahead log of what was removed, now or by a
        process that was stopped before it came to that; where nothing was, nothing is done but
        `always`. Says whether something was to be cleaned.

        Without `wait`, whoever is at work is left to it; without `outside`, crops outside the
        database are left where they are, so that no match waits for them. `waiting` is called where
        others read the database for longer than a second. Raises `OutputError`, `DatabaseError`,
        `EngineError`, `DescriptorError` and `CropStoreError` where something still holds it; it is
        remembered.
        """
        with self._database.reading() as session:
            notes = purges.pending_purges(session, home_of(session, self._folder))
        outside = outside and has_left(self._database)
        if not notes and not always and not outside:
            return False
        failed: GestaltError | None = None
        for sealer in self._sealers(None if wait else 0):
            try:
                sealer.follow()
            except (OutputError, DatabaseError, DescriptorError) as error:
                failed = failed or error
        if self._engines is not None:
            left = attempted(partial(self._engines.take_out, wait=wait))
            failed = failed or left
        try:
            self._wipe_foreign(None if wait else 0)
        except OutputError as error:
            failed = failed or error
        forget(self._calibrating)
        # Also where an index has still something: the log shall not have it as well.
        self._database.truncate_log(wait=wait, waiting=waiting)
        if failed is not None:
            raise failed
        if notes:
            with self._database.writing() as session:
                purges.purge_done(session, notes)
                erasures.forget_removals(session)
        if outside:
            delete_left(self._database)
        return bool(notes) or outside

    def taken_over(self) -> list[Path]:
        """The folders of engines of this home that another gallery uses now."""
        return [] if self._engines is None else self._engines.taken_over()

    def _written_anew(self, sealer: Sealer, stages: Stages) -> WrittenIndex:
        space = sealer.space
        writing = stages(f"Writing the index of {space.model}", "descriptors")
        before = {path for path, _ in files_of_space(self._folder, space.fingerprint)}
        old = sealer.manifest()
        sealer.follow(rebuild=True, progress=writing)
        made = sealer.manifest()
        segments = made.segments if made is not None else ()
        return WrittenIndex(
            space.model,
            space.fingerprint,
            descriptors=sum(one.rows - one.removed for one in segments),
            segments=len(segments),
            replaced=sum(not path.exists() for path in before),
            approximate=tuple(one.kind for one in old.approximate) if old is not None else (),
        )

    def _wipe_foreign(self, timeout: float | None) -> None:
        """Wipe away index files of spaces that the database does not have: one was dropped, say."""
        if not self._foreign():
            return
        with locked(self._folder, self._timeout if timeout is None else timeout):
            # Asked anew: none makes or drops an index meanwhile.
            wipe_away(self._foreign())

    def _foreign(self) -> Sequence[Path]:
        with self._database.reading() as session:
            return foreign_files(self._folder, [one.fingerprint for one in reads.spaces(session)])

    def _sealers(self, timeout: float | None = None) -> Sequence[Sealer]:
        timeout = self._timeout if timeout is None else timeout
        with self._database.reading() as session:
            spaces = reads.spaces(session)
        return [
            Sealer(self._database, space, self._folder, timeout, self.repairs) for space in spaces
        ]


def attempted(work: Callable[[], object]) -> GestaltError | None:
    """Why some work could not be done, None where it was."""
    try:
        work()
    except (
        *(CropStoreError, DatabaseError, OutputError),
        *(DescriptorError, EngineError, UsageError),
    ) as error:
        return error
    return None
