"""The database: its engine, its settings checked, its migrations, and units of work."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, GalleryMissing, UsageError
from gestalt_space.paths import display_name
from gestalt_space.store.actors import session_info, this_user
from gestalt_space.store.sqlite import (
    holds_something,
    is_read_only,
    make_file,
    open_file,
    set_pragmas,
    sqlite_file,
)
from gestalt_space.store.writers import busy, leave_notes

REVISION = "0008"
"""The migration that this code works with: the newest one."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A database that was upgraded: its address without a password, and what the migrations found
    that a person should know."""

    where: str
    notes: tuple[str, ...]


class Database:
    """One database, at the newest migration. With `create` it is made where there is none;
    without, it may be missing, and what is asked of it then raises `GalleryMissing`.

    `address`: the path of a SQLite file, or a SQLAlchemy address; `actor`: on whose behalf it is
    written, the system's user where left out. Raises `DatabaseError` where the database cannot be
    reached, is of another version, or refuses a setting that safety rests on.
    """

    def __init__(
        self,
        address: str | Path,
        *,
        busy_timeout: float = 30.0,
        create: bool = True,
        actor: str | None = None,
    ) -> None:
        self.actor = actor or this_user()
        self.engine = make_engine(address, busy_timeout=busy_timeout)
        self._is_sound = False
        try:
            if create:
                self.make()
            else:
                self.exists()
        except BaseException:
            self.close()
            raise

    def make(self) -> None:
        """Make the database where there is none. Raises `DatabaseError`."""
        if not self.exists():
            self.upgrade()
            self._is_sound = True

    def exists(self) -> bool:
        """Whether there is a database. Raises `DatabaseError` for one of another version."""
        if self._is_sound:
            return True
        found = self.revision()
        if found not in (None, REVISION):
            raise DatabaseError(
                f"The database is at migration {found}; this version works with {REVISION}.",
                "Run `gestalt db upgrade`, or the version of gestalt-space that made it.",
            )
        self._is_sound = found == REVISION
        return self._is_sound

    def require(self) -> None:
        """Raise `GalleryMissing` where there is no database."""
        if self.exists():
            return
        file = sqlite_file(self.engine.url)
        where = self.where if file is None else display_name(file.parent)
        raise GalleryMissing(
            f"There is no gallery in {where}.",
            "Check --home and GESTALT_HOME. `gestalt index add` makes a gallery.",
        )

    @property
    def where(self) -> str:
        """The path or the address of the database, without a password."""
        return _where(self.engine)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @property
    def is_writable(self) -> bool:
        """Whether this process may write to it, as far as the rights of a SQLite file tell."""
        file = sqlite_file(self.engine.url)
        return file is None or not is_read_only(file)

    def require_writable(self) -> None:
        """Raise `DatabaseError` where this process may read the database and not write it."""
        if not self.is_writable:
            raise DatabaseError(
                f"The database {self.where} may be read here, and not written.",
                "Check the rights of the home and whether its disk is read-only, or choose another "
                "--home. Matches work as it is.",
            )

    def revision(self) -> str | None:
        """The migration that the database is at; None for one that is empty or not there."""
        return current_revision(self.engine)

    def upgrade(self) -> None:
        """Bring the database to the newest migration; it is made where there is none."""
        upgrade(self.engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database from its first query on."""
        self.require()
        with (
            mapped_errors(self.engine),
            Session(self.engine, info=session_info(self.actor)) as session,
        ):
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end; its first statement takes the writer's lock."""
        self.require()
        engine = self.engine.execution_options(gestalt_write=True)
        with (
            mapped_errors(self.engine),
            Session(engine, expire_on_commit=False, info=session_info(self.actor)) as session,
            session.begin(),
        ):
            yield session

    def problems(self) -> list[str]:
        """What SQLite's own check of its file finds wrong; nothing on another database. References
        between rows are looked at by `soundness`."""
        if not self.is_sqlite:
            return []
        with mapped_errors(self.engine), self.engine.connect() as connection:
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        return [line for line in found if line != "ok"]

    def truncate_log(self, *, wait: bool = True) -> None:
        """Bring SQLite's write-ahead log into the file and empty it: removed rows leave both.

        Raises `DatabaseError` where another process reads on for longer than the busy timeout, or
        reads at all without `wait`.
        """
        if not self.is_sqlite:
            return
        with mapped_errors(self.engine), self.engine.connect() as connection:
            direct = connection.execution_options(isolation_level="AUTOCOMMIT")
            timeout = direct.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
            until = monotonic() + (timeout / 1000 if wait else 0)
            if not wait:
                direct.exec_driver_sql("PRAGMA busy_timeout = 0")
            try:
                # SQLite waits for readers, and not for another process that empties the log.
                while (
                    is_busy := direct.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
                ) and monotonic() < until:
                    sleep(0.02)
            finally:
                direct.exec_driver_sql(f"PRAGMA busy_timeout = {timeout}")
        if is_busy:
            raise DatabaseError(
                "Another process reads the database: what was removed is gone from it, and still "
                "stands in its write-ahead log.",
                "It is cleaned when the gallery is next opened and no other process reads it; "
                "`gestalt index rebuild` then does it at once.",
            )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def make_engine(address: str | Path, *, busy_timeout: float = 30.0) -> Engine:
    """An engine whose SQLite connections are set and checked; it makes no file.

    `address`: the path of a SQLite file, or a SQLAlchemy address. Raises `DatabaseError`.
    """
    try:
        url = _url_of(address)
        file = sqlite_file(url)
        if file is None:
            engine = sa.create_engine(url)
        else:
            # By its path: an address would give `?`, `#` and `%20` in it a meaning.
            engine = sa.create_engine(url, creator=lambda: open_file(file, busy_timeout))
        if engine.dialect.name == "sqlite":
            _set_up_sqlite(engine, file, busy_timeout)
    except ModuleNotFoundError as error:
        raise DatabaseError(
            f"The driver {error.name} of the database is not installed.",
            f"pip install {error.name}",
        ) from error
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError(
            f"The database cannot be opened: {error}.", "Check --home and GESTALT_DATABASE_URL."
        ) from error
    return engine


def database_revision(address: str | Path, busy_timeout: float = 30.0) -> str | None:
    """The migration that a database is at; None for one that is empty or not there yet."""
    engine = make_engine(address, busy_timeout=busy_timeout)
    try:
        return current_revision(engine)
    finally:
        engine.dispose()


def upgrade_database(address: str | Path, busy_timeout: float = 30.0) -> Upgraded:
    """Bring a database to the newest migration; a SQLite file is made where there is none."""
    engine = make_engine(address, busy_timeout=busy_timeout)
    try:
        notes = upgrade(engine)
    finally:
        engine.dispose()
    return Upgraded(_where(engine), notes)


def current_revision(engine: Engine) -> str | None:
    """The migration that a database is at, or None for one that is empty or not there."""
    file = sqlite_file(engine.url)
    with _opening(engine):
        if file is not None and not holds_something(file):
            return None
    with mapped_errors(engine), engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(engine: Engine) -> tuple[str, ...]:
    """Bring a database to the newest migration, in one transaction; a file is made where there is
    none. Returns what the migrations found that a person should know. Raises `DatabaseError`.
    """
    # Imported here: Alembic is needed once in a database's life.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    notes: list[str] = []
    config = Config()
    config.attributes["notes"] = notes
    scripts = str(files("gestalt_space.migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    with _opening(engine):
        if (file := sqlite_file(engine.url)) is not None:
            make_file(file)
    with mapped_errors(engine), migrating(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseError(
                f"The database cannot be brought to migration {REVISION}: {error}.",
                "Use the version of gestalt-space that made it.",
            ) from error
    return tuple(notes)


@contextmanager
def migrating(engine: Engine) -> Iterator[sa.Connection]:
    """A connection for a migration, in one transaction.

    On SQLite foreign keys are off in it, since a table that is made anew would else take with it
    what refers to it, and they are checked as a whole before the commit. Raises `DatabaseError`.
    """
    with engine.execution_options(gestalt_write=True).connect() as connection:
        if engine.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        # Straight to the driver: within a transaction SQLite does not take this setting.
        direct = connection.connection.cursor()
        direct.execute("PRAGMA foreign_keys = 0")
        try:
            with connection.begin():
                yield connection
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise DatabaseError(
                        "Rows of the database refer to others that are not there.",
                        "Go back to your last backup; nothing was changed.",
                    )
        finally:
            direct.execute("PRAGMA foreign_keys = 1")
            direct.close()


@contextmanager
def mapped_errors(engine: Engine) -> Iterator[None]:
    """Turn SQLAlchemy's errors into `DatabaseError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _failure(engine, getattr(error, "orig", None) or error) from error
    except UnicodeEncodeError as error:
        raise UsageError("A name holds bytes that are no text.", "Use UTF-8.") from error
    except OverflowError as error:
        if "SQLite" not in str(error):
            raise
        raise UsageError(
            "A number is beyond what a database holds.", f"Give one up to {2**63 - 1}."
        ) from error


@contextmanager
def _opening(engine: Engine) -> Iterator[None]:
    """Turn what the system says of the database's file alone into `DatabaseError`."""
    try:
        yield
    except OSError as error:
        raise DatabaseError(
            f"The database {_where(engine)} cannot be opened: {error.strerror or error}.",
            "Check --home and its permissions.",
        ) from error


def _failure(engine: Engine, error: BaseException) -> DatabaseError:
    reason = str(error).splitlines()[0]
    hint = "Run `gestalt doctor`."
    if "locked" in reason or "busy" in reason:
        return busy(_where(engine), sqlite_file(engine.url))
    if "full" in reason or "disk I/O" in reason:
        hint = "Free some space on the disk and run the same command again."
    elif "unable to open" in reason or "readonly" in reason:
        hint = "Check the permissions of the folder, or choose another --home."
    elif "malformed" in reason or "not a database" in reason:
        hint = "The file is damaged: go back to your last backup."
    return DatabaseError(f"The database {_where(engine)} failed: {reason}.", hint)


def _url_of(address: str | Path) -> sa.URL:
    if isinstance(address, Path):
        return sa.URL.create("sqlite", database=os.fspath(address.absolute()))
    url = sa.make_url(address)
    if url.get_backend_name() == "sqlite" and url.query:
        raise DatabaseError(
            f"The address {url.render_as_string(hide_password=True)} has options behind `?`, which "
            "a SQLite file does not take here.",
            "Give its path alone: sqlite:////folder/gallery.sqlite3.",
        )
    return url


def _where(engine: Engine) -> str:
    file = sqlite_file(engine.url)
    return engine.url.render_as_string(hide_password=True) if file is None else display_name(file)


def _set_up_sqlite(engine: Engine, file: Path | None, busy_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy's events say when a transaction begins, not the driver's guesses.
        connection.isolation_level = None
        writable = file is None or not is_read_only(file)
        try:
            set_pragmas(connection, busy_timeout, writable=writable)
        except sqlite3.Error as error:
            raise _failure(engine, error) from error

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("gestalt_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    if file is not None:
        leave_notes(engine, file)
