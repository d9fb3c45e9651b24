"""How a collection of a search engine follows the database: what came is added, what went is
removed, and what was corrected is corrected. One process does so at a time, on whichever machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import EngineUnsuitable
from gestalt_space.gallery.lock import ENGINES, locked
from gestalt_space.gallery.people import folded_hashes
from gestalt_space.index.engines.contract import (
    NOTHING,
    EnginePosition,
    EngineRows,
    VectorEngine,
)
from gestalt_space.index.engines.owners import of_another_gallery
from gestalt_space.progress import Progress, no_progress
from gestalt_space.store import tail
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace, count_descriptors
from gestalt_space.types import Ids

BLOCK = 16_384
"""Rows that are taken from the database and handed to the engine at once."""


@dataclass(frozen=True)
class EngineFollower:
    """Lets one collection follow the database of a home. `gallery`: the identifier of the gallery;
    `folder`: of the home's locks; `timeout`: seconds to wait for another process that does the
    same."""

    database: Database
    gallery: str
    space: StoredSpace
    engine: VectorEngine
    folder: Path
    timeout: float

    def prepare(self, *, anew: bool = False) -> None:
        """Make the collection where there is none; with `anew`, in the place of what is there.
        Raises `EngineUnsuitable` where the engine cannot have it, or has one that cannot be
        used."""
        with self.alone():
            if anew:
                self.engine.drop(of_any=True)
            self.engine.create()

    def follow(self) -> None:
        """Bring a collection that was filled up to the database. One that was not filled to its end
        stays as it is: that takes long, and `fill` does it."""
        position = self.engine.position()
        if position is None or position.sequence == NOTHING:
            return
        self._check_own(position)
        with self.database.reading() as session:
            mark = tail.read_mark(session, self.space.id)
        if (position.sequence, position.epoch) != (mark.sequence, mark.epoch):
            self.fill()

    def fill(
        self, *, anew: bool = False, compared: bool = False, progress: Progress = no_progress
    ) -> None:
        """Bring a collection up to the database, which is made where there is none; what a process
        that was stopped has put in stays. With `anew` it begins without anything, also in the place
        of another gallery's. With `compared` all identifiers are compared, not only how many there
        are."""
        with self.alone():
            if anew:
                self.engine.drop(of_any=True)
            before = self._made()
            with self.database.reading() as session:
                mark = tail.read_mark(session, self.space.id)
                if before.sequence > mark.sequence or before.epoch > mark.epoch:
                    # It follows a state that was undone by going back to a backup.
                    self.engine.drop()
                    before = self._made()
                if before.sequence != NOTHING:
                    self._follow(session, before.sequence, progress)
                counted = count_descriptors(session, self.space)
                if compared or before.sequence == NOTHING or self._made().rows != counted:
                    self._complete(session, progress)
            self.engine.settle(mark.sequence, mark.epoch, recount=self._made().rows != counted)

    def take_out(self, *, wipe: bool) -> None:
        """Take out of a collection, filled to its end or not, what the database does not have any
        more; with `wipe`, out of the engine's files, too. That of another gallery has nothing of
        this one: it was made anew."""
        position = self.engine.position()
        if position is None or position.gallery != self.gallery:
            return
        if position.sequence != NOTHING:
            self.follow()
        with self.alone():
            if position.sequence == NOTHING:
                with self.database.reading() as session:
                    self.engine.remove(tail.removed_after(session, self.space, NOTHING))
            if wipe:
                self.engine.wipe()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """So that no other process brings the collection up to the database meanwhile. Raises
        `OutputError` and `DatabaseError` where another one does so for longer than the timeout."""
        name = f"engine {self.engine.name} {self.space.fingerprint}"
        with locked(self.folder, self.timeout, ENGINES), self.database.alone(name):
            yield

    def _made(self) -> EnginePosition:
        position = self.engine.position()
        if position is None:
            self.engine.create()
            position = self.engine.position()
        if position is None:
            raise EngineUnsuitable(
                f"The collection of {self.engine.name} was deleted while it was filled.",
                "Run the same command again.",
            )
        self._check_own(position)
        return position

    def _check_own(self, position: EnginePosition) -> None:
        if position.gallery != self.gallery:
            raise of_another_gallery(self.engine.name)

    def _follow(self, session: Session, sequence: int, progress: Progress) -> None:
        gone = tail.removed_after(session, self.space, sequence)
        if len(gone):
            self.engine.remove(gone)
        photos = tail.corrected_photos_after(session, self.space, sequence)
        if len(photos.ids):
            self.engine.correct(photos.ids, photos.ages, folded_hashes(photos.sites))
        whole = tail.count_waiting(session, self.space, sequence)[0]
        self._add(session, sequence, np.zeros(0, dtype=np.int64), whole, progress)

    def _complete(self, session: Session, progress: Progress) -> None:
        """Whatever it has: so that it has what the database has."""
        have, wanted = self.engine.ids(), tail.ids_after(session, self.space, NOTHING)
        if len(gone := np.setdiff1d(have, wanted)):
            self.engine.remove(gone)
        if len(lacking := np.setdiff1d(wanted, have)):
            self._add(session, NOTHING, have, len(lacking), progress)

    def _add(
        self, session: Session, sequence: int, have: Ids, whole: int, progress: Progress
    ) -> None:
        done = 0
        for rows in tail.row_blocks(session, self.space, sequence, size=BLOCK):
            new = ~np.isin(rows.ids, have)
            if not new.any():
                continue
            self.engine.add(
                EngineRows(
                    rows.ids[new],
                    rows.patients[new],
                    rows.ages[new],
                    folded_hashes(rows.sites)[new],
                    rows.vectors[new],
                )
            )
            done += int(new.sum())
            progress(done, whole)
