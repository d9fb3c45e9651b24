"""A copy of a SQLite database that is in use, of one state, and the proof that it is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

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
            "Check the free disk space.",
        ) from error
    finally:
        source.execute(f"PRAGMA mmap_size = {mapped}")


def check_pages(file: Path) -> None:
    """SQLite's own check of every page of a copy that nobody has open. Nothing beside it is
    written. Raises `DatabaseError`.

    The quick one: whether each index has what its table has is a matter of the database that was
    copied, which `gestalt index verify` checks, and takes as long again.
    """
    with _opened(file) as copy:
        wrong = [row[0] for row in copy.execute("PRAGMA quick_check") if row[0] != "ok"]
        if wrong:
            raise _unsound(wrong[0])


def check_references(file: Path) -> dict[str, int]:
    """Check that every reference in a copy leads to a row; how many rows each table has. As
    `check_pages`, and beside it on another core."""
    with _opened(file) as copy:
        orphan = copy.execute("PRAGMA foreign_key_check").fetchone()
        if orphan is not None:
            raise _unsound(f"a row of {orphan[0]} refers to a missing row of {orphan[2]}")
        counts = {}
        for table in Base.metadata.sorted_tables:
            query = f'SELECT count(*) FROM "{table.name}"'  # noqa: S608 - names of our own
            counts[table.name] = int(copy.execute(query).fetchone()[0])
        return counts


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as copy:
            copy.execute(f"PRAGMA mmap_size = {_MAPPED}")
            yield copy
    except sqlite3.Error as error:
        raise _unsound(str(error)) from error


def _unsound(reason: str) -> DatabaseError:
    return DatabaseError(
        f"The copy of the database is damaged: {reason}.",
        "Run `gestalt doctor`: the gallery may be damaged, or the disk.",
    )
