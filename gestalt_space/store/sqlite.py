"""The SQLite file: opened by its path and never by an address, its owner's alone from its first
byte, and read where it may not be written.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from gestalt_space.atomic_files import make_private_folder, sync_folder
from gestalt_space.errors import DatabaseError
from gestalt_space.paths import display_name
from gestalt_space.store.writers import busy, leave_notes

NAMES = ("sqlite", "sqlite+pysqlite")
"""How the addresses of such databases begin."""
WRITING = {"gestalt_write": True}
"""What a transaction that writes is begun with: it takes the lock at once."""
SILENT = 1.0
"""Seconds of a wait for others before anybody is told of it."""

_READING: dict[str, object] = {"foreign_keys": 1, "temp_store": 2, "cache_size": -512}
"""What SQLite sorts stays in memory (`temp_store`): it would spill whole descriptors into the
system's temporary folder. Each connection caches half a megabyte (`cache_size`) and the system the
rest: a service has fifteen, whose caches would fill up over hours."""
_WRITING: dict[str, object] = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
"""`synchronous`: what was committed is on the disk; some builds of SQLite leave that to chance."""


def sqlite_file(url: sa.URL) -> Path | None:
    """The file that an address names by its path alone; None for any other database."""
    if not url.drivername.startswith("sqlite") or url.query:
        return None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return None
    return Path(url.database).absolute()  # `..` behind a link is left to the system


def sqlite_engine(url: sa.URL, busy_timeout: float) -> Engine:
    """An engine whose connections are set and checked; it makes no file. Raises `DatabaseError`."""
    try:
        file = sqlite_file(url)
        if file is None:
            engine = sa.create_engine(url)
        else:
            # By its path: an address would give `?`, `#` and `%20` in it a meaning.
            engine = sa.create_engine(url, creator=lambda: open_file(file, busy_timeout))
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError(
            f"The database cannot be opened: {error}.", "Check --home and GESTALT_DATABASE_URL."
        ) from error
    _set_up(engine, file, busy_timeout)
    return engine


def sqlite_failure(where: str, file: Path | None, error: BaseException) -> DatabaseError:
    """What to raise for an error of the driver, or of what calls it. `where`: the file's path, as
    it is shown."""
    reason = str(error).splitlines()[0]
    hint = "Run `gestalt doctor`."
    if "locked" in reason or "busy" in reason:
        return busy(where, file)
    if "full" in reason or "disk I/O" in reason:
        hint = "Free some space on the disk and run the same command again."
    elif "unable to open" in reason or "readonly" in reason:
        hint = (
            "Check the permissions of the folder and the free disk space, or choose another --home."
        )
    elif "malformed" in reason or "not a database" in reason:
        hint = "The file is damaged: restore your last backup."
    return DatabaseError(f"The database {where} failed: {reason}.", hint)


def problems(connection: sa.Connection) -> list[str]:
    """What SQLite's own check of its file finds wrong; `soundness` looks at references."""
    found = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [line for line in found if line != "ok"]


def truncate_log(
    connection: sa.Connection, *, wait: bool, waiting: Callable[[], object] | None = None
) -> bool:
    """Bring the write-ahead log into the file and empty it; False where another process reads on
    for longer than the busy timeout, or reads at all without `wait`. `waiting` is called once,
    where that takes longer than a second."""
    direct = connection.execution_options(isolation_level="AUTOCOMMIT")
    timeout = direct.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    begun = monotonic()
    until = begun + (timeout / 1000 if wait else 0)
    first = timeout if waiting is None else min(timeout, round(1000 * SILENT))
    direct.exec_driver_sql(f"PRAGMA busy_timeout = {first if wait else 0}")
    try:
        # SQLite waits for readers, and not for another process that empties the log.
        while (is_busy := direct.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]) and (
            now := monotonic()
        ) < until:
            if waiting is not None and now - begun >= SILENT:
                waiting()
                waiting = None
                direct.exec_driver_sql(f"PRAGMA busy_timeout = {round(1000 * (until - now))}")
            sleep(0.02)
    finally:
        direct.exec_driver_sql(f"PRAGMA busy_timeout = {timeout}")
    return not is_busy


def compact(connection: sa.Connection) -> None:
    """Write the file anew, row by row. Raises `DatabaseError`."""
    # Straight to the driver: within a transaction SQLite does not do it.
    direct = connection.connection.cursor()
    try:
        direct.execute("VACUUM")
    except sqlite3.Error as error:
        raise DatabaseError(
            f"The database cannot be compacted: {error}.",
            "End other processes that write to it, or free as much disk space as the file needs.",
        ) from error
    finally:
        direct.close()


@contextmanager
def without_foreign_keys(connection: sa.Connection) -> Iterator[sa.Connection]:
    """One transaction in which tables can be made anew: a table that is dropped would else take
    with it what refers to it. Checked as a whole before the commit. Raises `DatabaseError`."""
    # Straight to the driver: within a transaction SQLite does not take this setting.
    direct = connection.connection.cursor()
    direct.execute("PRAGMA foreign_keys = 0")
    try:
        with connection.begin():
            yield connection
            if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                raise DatabaseError(
                    "Some rows of the database refer to missing rows.",
                    "Nothing was changed. Restore your last backup.",
                )
    finally:
        direct.execute("PRAGMA foreign_keys = 1")
        direct.close()


def make_file(file: Path) -> None:
    """Make the file where there is none, its owner's alone: SQLite gives what it puts beside it,
    the write-ahead log, the same rights. Raises `OSError`.
    """
    make_private_folder(file.parent)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    sync_folder(file.parent)


def holds_something(file: Path) -> bool:
    """Whether there is a file with a first byte. Raises `OSError` where that cannot be seen."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


def is_read_only(file: Path) -> bool:
    """Whether the file can be read and not be written, by its rights or those of its disk."""
    return file.exists() and not (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def open_file(file: Path, busy_timeout: float) -> sqlite3.Connection:
    """A connection to the file, which is not made.

    Raises `sqlite3.Error`, and `DatabaseError` for changes that only a process which may write can
    bring into the file.
    """
    mode = "rw"
    if is_read_only(file):
        log, shared = (file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))
        if not shared.exists() and holds_something(log):
            raise DatabaseError(
                f"{display_name(log)} has changes that are not in the database yet, but you may "
                "not write to it.",
                "Run `gestalt index stats` once where you may write to the home, then copy the "
                "home again.",
            )
        # Without a writer at work the file is all there is, and SQLite need not make the files
        # beside it that a read-only folder refuses.
        mode = "ro" if shared.exists() else "ro&immutable=1"
    return sqlite3.connect(
        f"{file.as_uri()}?mode={mode}", uri=True, timeout=busy_timeout, check_same_thread=False
    )


def set_pragmas(connection: sqlite3.Connection, busy_timeout: float, *, writable: bool) -> None:
    """Set what safety rests on, and check that it was taken.

    Raises `sqlite3.Error`, and `DatabaseError` for a setting that was not.
    """
    for name, wanted in (_READING | _WRITING if writable else _READING).items():
        _set_pragma(connection, name, wanted, monotonic() + busy_timeout)
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != wanted:
            raise DatabaseError(
                f"SQLite does not accept {name} = {wanted} here (it is {found}).",
                "Move the home to a local disk. The database cannot be in a network folder.",
            )


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


def _set_up(engine: Engine, file: Path | None, busy_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        # SQLAlchemy's events say when a transaction begins, not the driver's guesses.
        connection.isolation_level = None
        writable = file is None or not is_read_only(file)
        try:
            set_pragmas(connection, busy_timeout, writable=writable)
        except sqlite3.Error as error:
            name = str(engine.url) if file is None else display_name(file)
            raise sqlite_failure(name, file, error) from error

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("gestalt_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    if file is not None:
        leave_notes(engine, file)
