"""The backup of a gallery that is in use: its database at one moment, the index of that moment, and
which models it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.atomic_files import check_path, make_private_folder, sync_file
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.devices import cores
from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.errors import (
    DatabaseError,
    GalleryChanged,
    IndexDamaged,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.archives import dumped, indexed
from gestalt_space.gallery.archives.copying import copy_file
from gestalt_space.gallery.archives.manifest import ArchivedFile, hash_file, write_archive_manifest
from gestalt_space.gallery.halves import noted
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.lock import locked
from gestalt_space.index.checksums import FileRecord
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings
from gestalt_space.store import dumps, reads, snapshots
from gestalt_space.store.audit import head, is_erased_after, last_event, record_event
from gestalt_space.store.crop_moves import known_places
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import REVISION
from gestalt_space.store.tail import read_mark
from gestalt_space.weights.manifest import InstalledModel
from gestalt_space.weights.store import BUILTIN, ModelStore

DATABASE = "gallery.sqlite3"
MODELS = "models"
_COPYING = 0.6
"""Of the time of a backup, about; the rest is checking."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was written and checked. `sequence`: of the last change in it. `models`: those
    that its descriptors are of, and `with_models`: whether they are in it. `crops_outside`: how
    many crops are not in it, since they are not in the database, by the URL of the place."""

    folder: Path
    bytes: int
    files: int
    patients: int
    photos: int
    sequence: int
    models: tuple[str, ...]
    with_models: bool
    crops_outside: Mapping[str, int]


def check_new_folder(folder: Path, home: Path) -> None:
    """Raise where no backup or export can be written: `OutputError` for a folder that is filled
    or cannot be, `UsageError` for one in the home itself."""
    check_path(folder)
    place, inside = folder.resolve(), home.resolve()
    if place == inside or inside in place.parents:
        raise UsageError(
            f"{display_name(folder)} is in the home, so it could be lost together with the "
            "gallery.",
            "Choose a folder elsewhere, if possible on another disk.",
        )
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(
            f"{display_name(folder)} already exists.", "Choose a new or empty folder."
        )


def check_nobody_erased(session: Session, before: int) -> None:
    """Raise `GalleryChanged` where somebody was erased after an event of the audit trail: they
    would be in a copy that no receipt names."""
    if is_erased_after(session, before):
        raise GalleryChanged(
            "A patient was erased meanwhile and would be in the backup, so nothing was written.",
            "Run the same command again.",
        )


def back_up(
    database: Database,
    settings: Settings,
    folder: Path,
    *,
    with_models: bool = False,
    progress: Callable[[float], object] = lambda _share: None,
) -> BackedUp:
    """Write a backup into a new folder, and check it; others may read and write meanwhile.

    It is there when it is whole and noted in the audit trail, or not at all. `progress` is given
    the share, 0..1, that is done. Raises `OutputError`, `UsageError`, `DatabaseError`, and
    `GalleryChanged` where somebody was erased meanwhile.
    """
    database.require()
    check_new_folder(folder, settings.home)
    if not database.is_writable:
        raise DatabaseError(
            f"You may not write to {database.where}, and each backup must be recorded in its "
            "audit trail.",
            "Run the command as the owner of the home.",
        )
    with database.reading() as session:
        before = last_event(session)
    with noted(settings.index_dir, folder), whole_folder(folder) as aside:
        try:
            writing = _Writing(database, settings, aside, progress)
            about, files, size = writing.write(ModelStore(settings.models_dir), with_models)
        except OSError as error:
            raise OutputError(
                f"The backup cannot be written: {error.strerror or error}.",
                "Check the free disk space.",
            ) from error
        with database.writing() as session:
            told = {"path": display_name(folder.absolute()), "sequence": about["sequence"]}
            check_nobody_erased(session, before)
            record_event(session, "backup", detail=told)
    progress(1.0)
    return BackedUp(
        folder,
        size,
        files,
        about["gallery"]["patients"],
        about["gallery"]["photos"],
        about["sequence"],
        tuple(model["name"] for model in about["models"]),
        with_models,
        about["crops_outside"],
    )


@dataclass
class _Writing:
    """The writing of one backup into the folder `aside`."""

    database: Database
    settings: Settings
    aside: Path
    progress: Callable[[float], object]

    def write(self, store: ModelStore, with_models: bool) -> tuple[dict[str, Any], int, int]:
        """Write and check all; what the manifest says, how many files there are, and their bytes.
        Raises `OSError`."""
        # One of them waits for the disk.
        with ThreadPoolExecutor(cores() + 1) as threads, ExitStack() as held:
            lock = held.enter_context(ExitStack())
            session, home, records = self._begin(held, lock)
            # On another core, while the database is copied.
            index = threads.submit(self._take_index, records, lock)
            about = self._take_database(session, home)
            held.close()
            checked = self._checked_database(threads, about)
            self.progress(0.9)
            about["models"] = [_model_record(model) for model in _needed(store, about["spaces"])]
            models = self._copied_models(store) if with_models else []
            files = [*checked, *index.result(), *models]
        write_archive_manifest(self.aside, "backup", about, files)
        return about, len(files), sum(file.bytes for file in files)

    def _begin(
        self, held: ExitStack, lock: ExitStack
    ) -> tuple[Session, str | None, list[FileRecord]]:
        """A session that sees one state, which `held` ends, the home's id, and the files of the
        index of that state, none of which is wiped until `lock` is closed."""
        folder = self.settings.index_dir
        # The database needs no lock.
        lock.enter_context(locked(folder, self.settings.busy_timeout))
        session = held.enter_context(self.database.reading())
        # The first question: from here on the session sees one state.
        read_mark(session, None)
        home = home_of(session, folder)
        records = indexed.index_files(session, folder, home)
        self._check_space(session, records)
        return session, home, records

    def _take_index(self, records: Sequence[FileRecord], lock: ExitStack) -> list[ArchivedFile]:
        """Copy the files of the index, close `lock`, and bring them to the disk, hashed.

        There are none where one is not what was written: an index is made from the database again,
        and a backup is not to fail for it.
        """
        target = self.aside / indexed.FOLDER
        target.mkdir(mode=0o700)
        try:
            with lock:
                for record in records:
                    copy_file(self.settings.index_dir / record.name, target / record.name)
            found = [indexed.check_index_file(record, self.aside) for record in records]
        except (IndexDamaged, FileNotFoundError):
            shutil.rmtree(target)
            target.mkdir(mode=0o700)
            return []
        for record in records:
            sync_file(target / record.name)
        return found

    def _take_database(self, session: Session, home: str | None) -> dict[str, Any]:
        """Copy the database as a session sees it; what the manifest says of it."""
        mark = read_mark(session, None)
        about = {
            "home": home,
            "database": "sqlite" if is_copied(self.database) else "tables",
            "migration": REVISION,
            "sequence": mark.sequence,
            "epoch": mark.epoch,
            "audit": asdict(head(session)),
            "gallery": asdict(reads.counts(session)),
            "spaces": [_space_record(space) for space in reads.spaces(session)],
            "keys": dumps.key_counters(session),
            "crops_outside": {one.url: one.crops for one in known_places(session) if one.crops},
        }
        if is_copied(self.database):
            snapshots.copy_sqlite(session, self.aside / DATABASE, self._copying)
        else:
            about["rows"] = dumped.write_dump(session, self.aside / dumped.FOLDER)
        return about

    def _checked_database(
        self, threads: ThreadPoolExecutor, about: dict[str, Any]
    ) -> list[ArchivedFile]:
        """The files of the copy, on the disk, hashed and checked; `about` gets how many rows its
        tables have."""
        if not is_copied(self.database):
            for table in dumps.dumped_tables():
                count = about["rows"][table.name]
                for _ in dumped.read_dump(self.aside / dumped.FOLDER, table, count):
                    pass
            names = sorted(path.name for path in (self.aside / dumped.FOLDER).iterdir())
            paths = [f"{dumped.FOLDER}/{name}" for name in names]
            return list(threads.map(partial(hash_file, self.aside), paths))
        synced = threads.submit(sync_file, self.aside / DATABASE)
        hashed = threads.submit(hash_file, self.aside, DATABASE)
        referred = threads.submit(snapshots.check_references, self.aside / DATABASE)
        snapshots.check_pages(self.aside / DATABASE)
        about["rows"] = referred.result()
        synced.result()
        return [hashed.result()]

    def _copied_models(self, store: ModelStore) -> list[ArchivedFile]:
        """The installed models, whole folders; the built-in one comes with the program."""
        found = []
        for model in store.sound_models():
            if model.name == BUILTIN:
                continue
            target = self.aside / MODELS / model.name
            make_private_folder(target)
            for path in sorted(path for path in model.folder.iterdir() if path.is_file()):
                copy_file(path, target / path.name)
                found.append(hash_file(self.aside, f"{MODELS}/{model.name}/{path.name}"))
        return found

    def _check_space(self, session: Session, records: Sequence[FileRecord]) -> None:
        """Raise `OutputError` where the disk has no room, before minutes are spent."""
        wanted = sum(record.bytes for record in records)
        if is_copied(self.database):
            size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            wanted += session.scalar(sa.text(size)) or 0
        check_free_disk(self.aside, wanted)

    def _copying(self, done: int, whole: int) -> None:
        self.progress(_COPYING * done / max(whole, 1))


def is_copied(database: Database) -> bool:
    """Whether a database is a file that is copied; of any other one the rows are written."""
    return database.is_sqlite


def check_free_disk(folder: Path, wanted: int) -> None:
    """Raise `OutputError` where the disk of a folder has not so many bytes free."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise OutputError(
            f"The disk of {display_name(folder.parent)} has {free / 1e6:,.0f} MB free, but the "
            f"backup needs {wanted / 1e6:,.0f} MB.",
            "Free some space, or choose a folder on another disk.",
        )


def _needed(store: ModelStore, spaces: Sequence[Mapping[str, Any]]) -> list[InstalledModel]:
    """The installed models that make descriptors of these spaces."""
    wanted = {space["fingerprint"] for space in spaces}
    return [
        model
        for model in store.sound_models()
        if model.file("encoder") and encoder_spec(model).fingerprint in wanted
    ]


def _model_record(model: InstalledModel) -> dict[str, Any]:
    files = [{"file": file.file, "sha256": file.sha256} for file in model.files]
    return {"name": model.name, "license": model.license, "files": files}


def _space_record(space: reads.StoredSpace) -> dict[str, Any]:
    told = asdict(space)
    del told["id"]
    return told
