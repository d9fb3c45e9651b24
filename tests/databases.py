"""Where galleries of the tests keep their rows: a SQLite file in the home, or, with
`--database postgresql`, a database of the home's own on the run's server."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import uuid
from contextlib import closing
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from gestalt_space.gallery.identity import place_of
from gestalt_space.settings import Settings
from gestalt_space.store import engine, migrating
from gestalt_space.store import tables as t
from gestalt_space.store.connecting import mapped_errors, opening
from gestalt_space.store.engine import Database
from gestalt_space.store.sqlite import holds_something, make_file, sqlite_file
from gestalt_space.store.tables import Base, Change
from tests.servers import EMPTY, MADE, SERVER, Databases


@cache
def on_server() -> Databases | None:
    """The databases of this run, None where the tests run on SQLite."""
    told = os.environ.get(SERVER)
    return None if told is None else Databases(*told.rsplit(" ", 1))


def address_of(home: Path, *, empty: bool = False) -> str | Path:
    """The database of a home, the same one each time. A file is not there before somebody makes it;
    on a server it has its tables already, but where it is to be empty."""
    server = on_server()
    if server is None:
        return home / "gallery.sqlite3"
    return server.of(home, EMPTY if empty else MADE)


def file_of(home: Path) -> Path:
    """The SQLite file of a home, for tests that are about it."""
    return home / "gallery.sqlite3"


def copy_database(home: Path, other: Path) -> None:
    """Give another home the database of one, as it is now; nobody has either open."""
    forget_database(other)
    server = on_server()
    if server is None:
        shutil.copyfile(file_of(home), file_of(other))
    else:
        server.of(other, server.name_of(home))


def _move_home(home: Path, other: Path) -> None:
    """Let the database of a home that was copied know it at its place, as if it had been moved: for
    the copy of a home that shares its database is another home."""
    with closing(Database(address_of(other), create=False)) as database:
        if database.exists():
            with database.writing() as session:
                session.execute(
                    sa.update(t.Home)
                    .where(t.Home.place == place_of(home / "index"))
                    .values(place=place_of(other / "index"))
                )


def copy_databases(folder: Path, other: Path, *, keep: bool = False) -> None:
    """After a folder was copied: the databases of the homes in it, which nobody has open. Files are
    copied with the folder. With `keep`, they outlive the test."""
    server = on_server()
    if server is None:
        return
    root = folder.absolute()
    for name, place in list(server.places.items()):
        if place.is_relative_to(root):
            copy = other.absolute() / place.relative_to(root)
            server.of(copy, name)
            _move_home(place, copy)
            if keep:
                server.kept.add(server.name_of(copy))


def forget_database(home: Path) -> None:
    """Take away the database of a home."""
    server = on_server()
    if server is not None:
        server.drop([server.name_of(home)])
    for path in home.glob(f"{file_of(home).name}*"):
        path.unlink()


def empty_tables(database: Database) -> None:
    """Make a server's database what it was when its tables were made."""
    names = ", ".join(Base.metadata.tables)
    with database.writing() as session:
        session.execute(sa.text(f"TRUNCATE {names} RESTART IDENTITY"))
        session.add(Change(id=1, gallery=str(uuid.uuid4())))


def patch_settings() -> None:
    """Let a gallery that is opened by its home have its database on the run's server; on SQLite,
    make the tables of its file at once, and not by nine migrations each time."""
    if on_server() is not None:
        by_home = property(lambda self: self.database_url or address_of(self.home))
        Settings.database = by_home  # type: ignore[assignment, method-assign]
    else:
        engine.upgrade = _upgraded


_TEMPORARY = tempfile.gettempdir()
"""Before any test says otherwise."""
_making = threading.Lock()


def _upgraded(one: sa.Engine) -> tuple[str, ...]:
    """What `migrating.upgrade` makes, of a file that is not there copied from one that it made.
    `upgrade_database`, `gestalt db upgrade` and processes of their own migrate as ever."""
    file = sqlite_file(one.url)
    with _making:
        if file is None or holds_something(file):
            return migrating.upgrade(one)
        with opening(one):
            make_file(file)
            file.write_bytes(_migrated())
        with mapped_errors(one), one.connect():
            return ()  # what a connection is refused for is told here, as ever


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(dir=_TEMPORARY) as folder:
        file = Path(folder) / "gallery.sqlite3"
        migrating.upgrade_database(file)
        with closing(sqlite3.connect(file)) as connection:
            # Whoever opens a copy turns to the write-ahead log, as with a new file.
            connection.execute("PRAGMA journal_mode = delete")
        return file.read_bytes()


def admin(address: str) -> sa.Engine:
    """An engine that commits each statement, and keeps no connection."""
    return sa.create_engine(
        sa.make_url(address).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
