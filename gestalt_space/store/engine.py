"""The database: its engine, its settings checked, its migrations, and units of work."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, UsageError

REVISION = "0003"
"""The migration that this code works with: the newest one."""

_PRAGMAS: dict[str, object] = {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1}


class Database:
    """One database. Opened at the newest migration; made where there is none.

    Raises `DatabaseError` where it cannot be reached, is of another version, or refuses a setting
    that safety rests on.
    """

    def __init__(self, url: str, *, busy_timeout: float = 30.0, create: bool = True) -> None:
        self.engine = make_engine(url, busy_timeout=busy_timeout)
        try:
            with mapped_errors(self.engine):
                found = self.revision()
            if found is None and create:
                self.upgrade()
                found = REVISION
        except BaseException:
            self.close()
            raise
        if found != REVISION:
            self.close()
            state = "is empty" if found is None else f"is at migration {found}"
            raise DatabaseError(
                f"The database {state}; this version works with {REVISION}.",
                "Run `gestalt db upgrade`, or the version of gestalt-space that made it.",
            )

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    def revision(self) -> str | None:
        """The migration that the database is at, or None for an empty one."""
        return current_revision(self.engine)

    def upgrade(self) -> None:
        """Bring the database to the newest migration."""
        upgrade(self.engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database from its first query on."""
        with mapped_errors(self.engine), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that commits at the end; its first statement takes the writer's lock."""
        engine = self.engine.execution_options(gestalt_write=True)
        with (
            mapped_errors(self.engine),
            Session(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def problems(self) -> list[str]:
        """What SQLite's own checks find wrong; nothing on another database."""
        if not self.is_sqlite:
            return []
        with mapped_errors(self.engine), self.engine.connect() as connection:
            found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        wrong = [line for line in found if line != "ok"]
        return wrong + [f"a row of {row[0]} refers to nothing in {row[2]}" for row in broken]

    def truncate_log(self) -> None:
        """Bring SQLite's write-ahead log into the file and empty it: removed rows leave both.

        Raises `DatabaseError` where another process reads on for longer than the busy timeout.
        """
        if not self.is_sqlite:
            return
        with mapped_errors(self.engine), self.engine.connect() as connection:
            direct = connection.execution_options(isolation_level="AUTOCOMMIT")
            is_busy = direct.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        if is_busy:
            raise DatabaseError(
                "Another process reads the database: what was removed is gone from it, and still "
                "stands in its write-ahead log.",
                "Run `gestalt index rebuild` once the other process has ended.",
            )

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def make_engine(url: str, *, busy_timeout: float = 30.0, create_folder: bool = True) -> Engine:
    """An engine whose SQLite connections are set and checked. Raises `DatabaseError`."""
    try:
        address = sa.make_url(url)
        if address.drivername.startswith("sqlite") and address.database:
            if create_folder:
                Path(address.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            engine = sa.create_engine(address, connect_args={"timeout": busy_timeout})
            _set_up_sqlite(engine, busy_timeout)
        else:
            engine = sa.create_engine(address)
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


def database_revision(url: str, busy_timeout: float = 30.0) -> str | None:
    """The migration that a database is at; None for one that is empty or not there yet."""
    engine = make_engine(url, busy_timeout=busy_timeout, create_folder=False)
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file and not Path(file).exists():
        return None
    try:
        with mapped_errors(engine):
            return current_revision(engine)
    finally:
        engine.dispose()


def upgrade_database(url: str, busy_timeout: float = 30.0) -> str:
    """Bring a database to the newest migration; returns its address without a password."""
    engine = make_engine(url, busy_timeout=busy_timeout)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    return engine.url.render_as_string(hide_password=True)


def current_revision(engine: Engine) -> str | None:
    """The migration that a database is at, or None for an empty one."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest migration, in one transaction. Raises `DatabaseError`."""
    # Imported here: Alembic is needed once in a database's life.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    scripts = str(files("gestalt_space.migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    with (
        mapped_errors(engine),
        engine.execution_options(gestalt_write=True).begin() as connection,
    ):
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseError(
                f"The database cannot be brought to migration {REVISION}: {error}.",
                "Use the version of gestalt-space that made it.",
            ) from error


@contextmanager
def mapped_errors(engine: Engine) -> Iterator[None]:
    """Turn SQLAlchemy's errors into `DatabaseError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _failure(engine, getattr(error, "orig", None) or error) from error
    except UnicodeEncodeError as error:
        raise UsageError("A name holds bytes that are no text.", "Use UTF-8.") from error


def _failure(engine: Engine, error: BaseException) -> DatabaseError:
    reason = str(error).splitlines()[0]
    hint = "Run `gestalt doctor`."
    if "locked" in reason or "busy" in reason:
        hint = "Another process writes to it: try again, or raise GESTALT_BUSY_TIMEOUT."
    elif "full" in reason or "disk I/O" in reason:
        hint = "Free some space on the disk and run the same command again."
    elif "unable to open" in reason or "readonly" in reason:
        hint = "Check the permissions of the folder, or choose another --home."
    elif "malformed" in reason or "not a database" in reason:
        hint = "The file is damaged: go back to your last backup."
    where = engine.url.render_as_string(hide_password=True)
    return DatabaseError(f"The database {where} failed: {reason}.", hint)


def _set_up_sqlite(engine: Engine, busy_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy's events say when a transaction begins, not the driver's guesses.
        connection.isolation_level = None
        for name, wanted in _PRAGMAS.items():
            try:
                _set_pragma(connection, name, wanted, monotonic() + busy_timeout)
                found = connection.execute(f"PRAGMA {name}").fetchone()[0]
            except sqlite3.Error as error:
                raise _failure(engine, error) from error
            if found != wanted:
                raise DatabaseError(
                    f"SQLite does not take {name} = {wanted} here (it is {found}).",
                    "Put the home on a local disk: network folders cannot hold the database.",
                )

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("gestalt_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _set_pragma(connection: sqlite3.Connection, name: str, wanted: object, until: float) -> None:
    """Set a pragma. SQLite waits for no writer where the mode of the journal is to change: that is
    done here, up to a time."""
    while True:
        try:
            connection.execute(f"PRAGMA {name} = {wanted}")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
        sleep(0.02)
