"""The search engines of a home, each opened once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock

from gestalt_space.errors import (
    DatabaseError,
    DescriptorError,
    EngineError,
    GestaltError,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.engines.following import EngineFollower
from gestalt_space.gallery.engines.in_database import pgvector_tables
from gestalt_space.gallery.engines.recorded import EngineRecord, read_engines, write_engines
from gestalt_space.index.engines.contract import CollectionPlace, VectorEngine
from gestalt_space.index.engines.milvus_address import is_server, with_token
from gestalt_space.index.engines.registry import open_engine
from gestalt_space.paths import display_name
from gestalt_space.store import erasures, reads
from gestalt_space.store.engine import Database
from gestalt_space.store.gallery_id import gallery_id
from gestalt_space.store.reads import StoredSpace

FAILURES = (EngineError, UsageError, DatabaseError, OutputError, DescriptorError)
"""What keeps an engine from following now, and not later."""


class OpenEngines:
    """Of one home. `file`: that names them; `folder`: of the home's locks; `timeout`: seconds to
    wait for another process; `milvus_token`: what lets one into a Milvus server. Safe for threads.
    """

    def __init__(
        self,
        database: Database,
        file: Path,
        folder: Path,
        timeout: float,
        milvus_token: str | None = None,
    ) -> None:
        self.database = database
        self._file = file
        self._folder = folder
        self._timeout = timeout
        self._milvus_token = milvus_token
        self._lock = Lock()
        self._open: dict[tuple[str, str, str | None], VectorEngine] = {}

    @property
    def records(self) -> tuple[EngineRecord, ...]:
        """What the home's file names. Raises `UsageError`."""
        return read_engines(self._file)

    def record_of(self, name: str, space: str) -> EngineRecord | None:
        """The engine of a name for a space, by its fingerprint; None where the home has none."""
        return next((one for one in self.records if one.key == (name, space)), None)

    def keep(self, record: EngineRecord) -> None:
        """Record an engine, in the place of one of its name for the space. Raises `OutputError`."""
        others = [one for one in self.records if one.key != record.key]
        write_engines(self._file, [*others, record])

    def forget(self, record: EngineRecord) -> None:
        """Take an engine out of the home's file. Raises `OutputError`."""
        write_engines(self._file, [one for one in self.records if one.key != record.key])

    def engine(self, record: EngineRecord, dim: int) -> VectorEngine:
        """The collection of an engine; nothing is asked of it yet. Raises `UsageError`."""
        key = (*record.key, record.address)
        with self._lock:
            if key not in self._open:
                gallery = self._gallery_id()
                place = CollectionPlace(self._address(record), record.space, dim, gallery)
                self._open[key] = open_engine(record.name, place)
            return self._open[key]

    def place(self, record: EngineRecord) -> str:
        """Where an engine keeps descriptors, for people: a folder, or an address without a password
        or a token."""
        if record.name == "milvus":
            return display_name(record.address or self._own_folder)
        return record.address or self.database.where

    def follower(
        self, record: EngineRecord, space: StoredSpace, *, wait: bool = True
    ) -> EngineFollower:
        """What lets an engine follow the database; without `wait`, another process that does so is
        left to it. Raises `UsageError`."""
        engine = self.engine(record, space.dim)
        timeout = self._timeout if wait else 0
        gallery = self._gallery_id()
        return EngineFollower(self.database, gallery, space, engine, self._folder, timeout)

    def follow(self) -> None:
        """Let every engine follow. What cannot be done now is done after the next change; matches
        tell how far an engine lags."""
        with suppress(*FAILURES):
            for record, space in self._recorded():
                if space is not None:
                    with suppress(*FAILURES):
                        self.follower(record, space).follow()

    def take_out(self, *, wait: bool = True) -> None:
        """Take what was removed from the database out of every engine, also one in the database
        that another home filled; where an erasure waits for it, out of their files, too, and
        collections of spaces that were dropped with it. Raises what the first one did that could
        not."""
        used = [*self._recorded(), *self._of_others()]
        if not used:
            return
        with self.database.reading() as session:
            wipe = bool(erasures.begun_erasures(session))
        failed: GestaltError | None = None
        for record, space in used:
            if space is None:
                left = _failed(partial(self._drop, record))
            else:
                left = _failed(partial(self._take_out, record, space, wait=wait, wipe=wipe))
            failed = failed or left
        if failed is not None:
            raise failed

    def taken_over(self) -> list[Path]:
        """The folders of Milvus Lite that the home names, and that have the descriptors of another
        gallery now; those that cannot be asked are left out."""
        own = self._gallery_id()
        found: list[Path] = []
        for record, space in self._recorded():
            address = self._address(record)
            if record.name != "milvus" or space is None or is_server(address):
                continue
            with suppress(*FAILURES):
                position = self.engine(record, space.dim).position()
                if position is not None and position.gallery != own:
                    found.append(Path(address))
        return found

    def close(self) -> None:
        """Close the engines that were opened."""
        with self._lock:
            for engine in self._open.values():
                engine.close()
            self._open = {}

    def _take_out(
        self, record: EngineRecord, space: StoredSpace, *, wait: bool, wipe: bool
    ) -> None:
        self.follower(record, space, wait=wait).take_out(wipe=wipe)

    def _drop(self, record: EngineRecord) -> None:
        engine = self.engine(record, 0)
        position = engine.position()
        if position is not None and position.gallery == self._gallery_id():
            engine.drop()
        self.forget(record)

    def _gallery_id(self) -> str:
        with self.database.reading() as session:
            return gallery_id(session)

    def _recorded(self) -> Iterator[tuple[EngineRecord, StoredSpace | None]]:
        """The engines of the home, each with its space; None where the database does not have
        that."""
        records = self.records
        if not records:
            return
        with self.database.reading() as session:
            spaces = {one.fingerprint: one for one in reads.spaces(session)}
        yield from ((one, spaces.get(one.space)) for one in records)

    def _of_others(self) -> Iterator[tuple[EngineRecord, StoredSpace | None]]:
        """Collections in the gallery's own database that the home does not name: another one made
        them, or it was told to forget them. Their rows are in the database all the same."""
        own = {one.key for one in self.records}
        with self.database.reading() as session:
            spaces = {one.fingerprint: one for one in reads.spaces(session)}
            there = pgvector_tables(session)
        for fingerprint in there:
            record = EngineRecord("pgvector", fingerprint)
            if record.key not in own:
                yield record, spaces.get(fingerprint)

    @property
    def _own_folder(self) -> str:
        """Of Milvus, where no address is given."""
        return str(self._file.with_name("milvus").absolute())

    def _address(self, record: EngineRecord) -> str:
        if record.name == "milvus":
            return with_token(record.address or self._own_folder, self._milvus_token)
        if record.address is not None:
            return record.address
        return self.database.engine.url.render_as_string(hide_password=False)


def _failed(work: Callable[[], object]) -> GestaltError | None:
    try:
        work()
    except FAILURES as error:
        return error
    return None
