"""The SQLite file: opened by its path and never by an address, its owner's alone from its first
byte, and read where it may not be written.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from time import monotonic, sleep

import sqlalchemy as sa

from gestalt_space.errors import DatabaseError
from gestalt_space.files import make_private_folder, sync_folder
from gestalt_space.paths import display_name

_READING: dict[str, object] = {"foreign_keys": 1, "temp_store": 2}
"""What SQLite sorts stays in memory (`temp_store`): it would spill whole descriptors into the
system's temporary folder."""
_WRITING: dict[str, object] = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
"""`synchronous`: what was committed is on the disk; some builds of SQLite leave that to chance."""


def sqlite_file(url: sa.URL) -> Path | None:
    """The file that an address names by its path alone; None for any other database."""
    if not url.drivername.startswith("sqlite") or url.query:
        return None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return None
    return Path(url.database).absolute()  # `..` behind a link is left to the system


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
                f"{display_name(log)} holds changes that are not in the database yet, and may not "
                "be written.",
                "Run `gestalt index stats` once where the home may be written, then copy it again.",
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
                f"SQLite does not take {name} = {wanted} here (it is {found}).",
                "Put the home on a local disk: network folders cannot hold the database.",
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
