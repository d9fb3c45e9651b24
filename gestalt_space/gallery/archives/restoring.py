"""A backup put into an empty home: whole, or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.atomic_files import (
    make_private_folder,
    move_folder,
    sync_file,
    sync_folder,
    take_folder_name,
    take_name,
)
from gestalt_space.counts import counted_text
from gestalt_space.devices import cores
from gestalt_space.errors import (
    ArchiveUnsuitable,
    CropStoreError,
    GalleryExists,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.archives import dumped, indexed
from gestalt_space.gallery.archives.backing_up import DATABASE, MODELS, check_free_disk
from gestalt_space.gallery.archives.copying import copy_file
from gestalt_space.gallery.archives.manifest import (
    Archive,
    ArchivedFile,
    check_archive_files,
    read_archive_manifest,
)
from gestalt_space.gallery.identity import place_of, write_new_home
from gestalt_space.gallery.moving_crops import CropsMixin
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings
from gestalt_space.store import accounts, crop_moves, dumps, homes, jobs
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.engine import Database
from gestalt_space.store.gallery_id import renew_gallery_id
from gestalt_space.store.migrating import REVISION, upgrade_database
from gestalt_space.weights.store import ModelStore

_STAGED = ".restore-"
_Rows = Callable[[sa.Table], Iterator[Sequence[dumps.Row]]]


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that was restored. `upgraded_from`: the migration that it was at, where that was an
    older one. `models`: installed with it; `missing`: needed and not in it, nor installed."""

    patients: int
    photos: int
    sequence: int
    made_at: str
    upgraded_from: str | None
    notes: tuple[str, ...]
    models: tuple[str, ...]
    missing: tuple[str, ...]


def restore(
    folder: Path,
    settings: Settings,
    *,
    progress: Callable[[float], object] = lambda _share: None,
) -> Restored:
    """Put a backup into the home of the settings, which has no gallery yet.

    Every file is checked while it is copied aside; nothing gets its name before all are, and the
    gallery is there when all of it is. Models that are installed stay as they are. Raises
    `ArchiveUnsuitable`, `ArchiveDamaged`, `GalleryExists`, `OutputError`, `UsageError`,
    `DatabaseError`.
    """
    archive = read_archive_manifest(folder, "backup")
    migration = _migration(archive)
    if folder.resolve() in (settings.home.resolve(), *settings.home.resolve().parents):
        raise UsageError(
            f"The home {display_name(settings.home)} is inside the backup.",
            "Restore into a new home, with --home FOLDER or GESTALT_HOME.",
        )
    check_empty(settings)
    with _home_of(settings):
        try:
            make_private_folder(settings.home)
            check_free_disk(settings.home, archive.bytes)
            staged = _Staged(archive, settings, settings.home / f"{_STAGED}{secrets.token_hex(8)}")
            notes = staged.restore(progress)
        except OSError as error:
            raise OutputError(
                f"The backup cannot be restored: {error.strerror or error}.",
                "Nothing was restored. Check the home and the free disk space.",
            ) from error
    progress(1.0)
    about = archive.about
    installed = {model.name for model in ModelStore(settings.models_dir).sound_models()}
    needed = dict.fromkeys(space["model"] for space in about["spaces"])
    return Restored(
        patients=about["gallery"]["patients"],
        photos=about["gallery"]["photos"],
        sequence=about["sequence"],
        made_at=about["made_at"],
        upgraded_from=None if migration == REVISION else migration,
        notes=(*notes, *_crop_notes(settings)),
        models=tuple(staged.models),
        missing=tuple(name for name in needed if name not in installed),
    )


def _crop_notes(settings: Settings) -> Iterator[str]:
    """What a person should know of the crops outside the database, which no backup has."""
    with CropsMixin(settings, finish=False) as gallery:
        try:
            checked = gallery.check_crops()
        except CropStoreError as error:
            yield f"The crops outside the database were not checked. {error.message} {error.hint}"
            return
    for one in checked:
        if not one.crops:
            continue
        lost = len(one.missing) + len(one.damaged)
        told = f"{lost:,} of them are missing or damaged" if lost else "all of them are there"
        yield (
            f"{counted_text(one.crops, 'crop')} are in {display_name(one.place)}, not in the "
            f"backup; {told}. If the gallery that this backup is of no longer exists, run `gestalt "
            "index crops claim`; until then, no crop is deleted there."
        )


@contextmanager
def _home_of(settings: Settings) -> Iterator[None]:
    """Where all fails there is no home but the one that was there before."""
    was_there = settings.home.exists()
    try:
        yield
    except BaseException:
        if not was_there:
            with suppress(OSError):
                settings.home.rmdir()
        raise


def check_empty(settings: Settings) -> None:
    """Raise `GalleryExists` for a home with anything but models, or a database with a table.

    What a restore left that was stopped is deleted.
    """
    home, index = settings.home, settings.index_dir
    left = _left_over(home)
    for path in left:
        _delete(path)
    if left:
        # No database came after it: nothing else wrote it.
        _delete(index)
    there = sorted(home.iterdir()) if home.is_dir() else []
    found = [path.name for path in there if path != settings.models_dir]
    database = make_database(settings)
    try:
        file = database.file
        if file is not None and file.exists() and file.parent != home:
            found.append(str(file))
        elif file is None and database.exists():
            with database.reading() as session:
                found += [f"rows of {table}" for table in dumps.holds_rows(session)]
    finally:
        database.close()
    if found:
        raise GalleryExists(
            f"{display_name(home)} is not empty: {', '.join(map(display_name, found[:8]))}.",
            "Restore into a new home, with --home FOLDER or GESTALT_HOME. To add to a gallery, "
            "use `gestalt index import --into`.",
        )


def make_database(settings: Settings) -> Database:
    """The database of the settings, which is not made."""
    return Database(settings.database, busy_timeout=settings.busy_timeout, create=False)


class _Staged:
    """A restore under way, in the folder `stage` of the home, which goes at the end."""

    def __init__(self, archive: Archive, settings: Settings, stage: Path) -> None:
        self.archive = archive
        self.settings = settings
        self.stage = stage
        self.models: list[str] = []
        self._made: list[Path] = []

    def restore(self, progress: Callable[[float], object]) -> tuple[str, ...]:
        """Do all of it, or leave nothing; what a migration found that a person should know."""
        self.stage.mkdir(mode=0o700)
        is_done = False
        try:
            with ThreadPoolExecutor(1) as beside:
                checked = beside.submit(check_archive_files, self.archive)
                try:
                    self._copy_files(progress)
                finally:
                    # What is damaged says why it could not be copied.
                    checked.result()
            database = make_database(self.settings)
            try:
                file = database.file
                notes = self._into_server(database) if file is None else self._into_file(file)
            finally:
                database.close()
            is_done = True
            return notes
        finally:
            for path in (self.stage, *([] if is_done else self._made)):
                _delete(path)

    def _copy_files(self, progress: Callable[[float], object]) -> None:
        done = 0
        (self.stage / indexed.FOLDER).mkdir(mode=0o700)
        for file in self.archive.files:
            make_private_folder((self.stage / file.path).parent)
        with ThreadPoolExecutor(cores()) as threads:
            for size in threads.map(self._copy_file, self.archive.files):
                done += size
                progress(done / max(self.archive.bytes, 1))

    def _copy_file(self, file: ArchivedFile) -> int:
        target = self.stage / file.path
        copy_file(self.archive.path(file), target)
        sync_file(target)
        return file.bytes

    def _into_file(self, file: Path) -> tuple[str, ...]:
        """The database of a home as a file; it gets its name last."""
        notes, database = self._staged_database()
        try:
            with database.writing() as session:
                self._take_over(session)
            database.truncate_log()
        finally:
            database.close()
        sync_file(self.stage / DATABASE)
        self._place_files()
        make_private_folder(file.parent)
        self._place_database(file)
        return notes

    def _into_server(self, database: Database) -> tuple[str, ...]:
        """The rows in a database that is no file; they are there when they are committed."""
        notes: tuple[str, ...] = ()
        with ExitStack() as held:
            if self._is_file:
                notes, staged = self._staged_database()
                held.callback(staged.close)
                read = held.enter_context(staged.reading())
                rows: _Rows = partial(dumps.table_rows, read)
            else:
                rows = self._dumped_rows
            database.make()
            with database.writing() as session:
                self._fill(session, rows)
                self._take_over(session)
                self._place_files()
        return notes

    def _staged_database(self) -> tuple[tuple[str, ...], Database]:
        """The database of the backup as a file, at the newest migration."""
        file = self.stage / DATABASE
        timeout = self.settings.busy_timeout
        if self._is_file:
            is_older = self.archive.about["migration"] != REVISION
            notes = upgrade_database(file, timeout).notes if is_older else ()
            return notes, Database(file, busy_timeout=timeout, create=False)
        database = Database(file, busy_timeout=timeout)
        with database.writing() as session:
            self._fill(session, self._dumped_rows)
        return (), database

    def _fill(self, session: Session, rows: _Rows) -> None:
        dumps.empty_tables(session)
        for table in dumps.dumped_tables():
            dumps.insert_rows(session, table, rows(table))
        dumps.set_key_counters(session, self.archive.about["keys"])

    def _dumped_rows(self, table: sa.Table) -> Iterator[Sequence[dumps.Row]]:
        count = self.archive.about["rows"][table.name]
        return dumped.read_dump(self.stage / dumped.FOLDER, table, count)

    def _take_over(self, session: Session) -> None:
        home = write_new_home(self.stage / indexed.FOLDER)
        place = place_of(self.settings.index_dir)
        homes.take_over(session, home, place, of=self.archive.about["home"])
        # Rows are gone from the backup too; the gallery that it is of finishes what it had begun.
        session.execute(sa.delete(t.Erasure))
        # That gallery may live on: search engines know it by its identifier, and its crops outside
        # the database are these.
        renew_gallery_id(session)
        crop_moves.share_places(session)
        session.execute(sa.delete(t.CropObject).where(t.CropObject.face_id.is_(None)))
        accounts.forget_secrets(session)
        jobs.forget_jobs(session)
        told = {"path": display_name(self.archive.folder.absolute())}
        record_event(session, "restore", detail=told | {"made_at": self.archive.about["made_at"]})

    def _place_files(self) -> None:
        """Give index and models their names; a model that is installed stays."""
        move_folder(self.stage / indexed.FOLDER, self.settings.index_dir)
        self._made.append(self.settings.index_dir)
        staged = self.stage / MODELS
        for model in sorted(staged.iterdir()) if staged.is_dir() else ():
            target = self.settings.models_dir / model.name
            if not target.exists():
                make_private_folder(target.parent)
                # Copied: models may lie on another disk.
                aside = target.with_name(f"{_STAGED}{model.name}")
                self._made += [aside, target]
                shutil.rmtree(aside, ignore_errors=True)  # of a restore that was killed
                shutil.copytree(model, aside)
                take_folder_name(aside, target)
                self.models.append(model.name)
        sync_folder(self.settings.home)

    def _place_database(self, file: Path) -> None:
        """Last of all, and never over a file: what another process made meanwhile stays."""
        staged = self.stage / DATABASE
        if file.parent != self.settings.home:
            aside = file.with_name(f"{_STAGED}{file.name}")
            self._made.append(aside)
            copy_file(staged, aside)
            sync_file(aside)
            staged = aside
        if file.exists():
            raise GalleryExists(
                f"Meanwhile, {display_name(file)} was created.", "Restore into another home."
            )
        take_name(staged, file)

    @property
    def _is_file(self) -> bool:
        return bool(self.archive.about["database"] == "sqlite")


def _migration(archive: Archive) -> str:
    """The migration that a backup is at. Raises `ArchiveUnsuitable` for one that cannot be used."""
    found = str(archive.about.get("migration"))
    if found > REVISION or not found.isdecimal():
        raise ArchiveUnsuitable(
            f"The backup has the database version {display_name(found)}; this gestalt-space needs "
            f"{REVISION}.",
            "Use the version of gestalt-space that made it, or a newer one.",
        )
    if found != REVISION and archive.about["database"] != "sqlite":
        raise ArchiveUnsuitable(
            f"The backup is from a database server with the older database version {found}.",
            "Restore it with the version of gestalt-space that made it, then upgrade.",
        )
    return found


def is_being_restored(settings: Settings) -> bool:
    """Whether a restore into a home has begun and not come to its end."""
    return bool(_left_over(settings.home))


def _left_over(home: Path) -> list[Path]:
    return sorted(home.glob(f"{_STAGED}*")) if home.is_dir() else []


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
