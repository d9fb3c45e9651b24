"""A copy of a SQLite database that is in use, of one state, and the proof that it is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, OutputError
from gestalt_space.paths import display_name
from gestalt_space.store.sqlite import make_file
from gestalt_space.store.tables import Base

PAGES = 8192
"""Pages that are copied between two looks at whether the user wants to stop."""
_MAPPED = 2**40
"""As much of the file as the system can map: read without being copied first."""


def copy_sqlite(
    session: Session,
    file: Path,
    progress: Callable[[int, int], object] = lambda _done, _whole: None,
) -> None:
    """Copy the state that a session sees into a new file, while others read and write.

    SQLite's own copying, within the session's transaction: it never begins anew, and nobody waits
    for it. `progress` is told the pages that are done, and all. Raises `OSError`, `OutputError`.
    """
    source = session.connection().connection.driver_connection
    assert isinstance(source, sqlite3.Connection)  # noqa: S101 - whoever calls has asked
    mapped = source.execute("PRAGMA mmap_size").fetchone()[0]
    make_file(file)
    try:
        source.execute(f"PRAGMA mmap_size = {_MAPPED}")
        with closing(sqlite3.connect(file, isolation_level=None)) as copy:
            # A half-written copy is thrown away, and a whole one synced by whoever asked for it.
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(
                copy, pages=PAGES, progress=lambda _, left, whole: progress(whole - left, whole)
            )
    except sqlite3.Error as error:
        raise OutputError(
            f"{display_name(file)} cannot be written: {error}.",
            "Check the free space of the disk.",
        ) from error
    finally:
        source.execute(f"PRAGMA mmap_size = {mapped}")


def check_copy(file: Path, counts: Mapping[str, int]) -> None:
    """Check a copy that nobody has open: SQLite's own checks, and so many rows in each table.

    Nothing beside it is written. Raises `DatabaseError`.
    """
    address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as copy:
            copy.execute(f"PRAGMA mmap_size = {_MAPPED}")
            wrong = [row[0] for row in copy.execute("PRAGMA integrity_check") if row[0] != "ok"]
            orphans = copy.execute("PRAGMA foreign_key_check").fetchall()
            wrong += [f"a row of {row[0]} refers to nothing in {row[2]}" for row in orphans]
            for table, count in counts.items():
                found = copy.execute(
                    f'SELECT count(*) FROM "{table}"'  # noqa: S608 - names of our own
                ).fetchone()[0]
                if found != count:
                    wrong.append(f"{table} has {found:,} rows in the place of {count:,}")
    except sqlite3.Error as error:
        wrong = [str(error)]
    if wrong:
        raise DatabaseError(
            f"The copy of the database is not sound: {wrong[0]}.",
            "Run `gestalt doctor`: the gallery may be damaged, or the disk.",
        )


def row_counts(session: Session) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }
