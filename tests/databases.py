"""Where galleries of the tests keep their rows: a SQLite file in the home, or, with
`--database postgresql`, a database of the home's own on the run's server."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from gestalt_space.settings import Settings
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


def patch_settings() -> None:
    """Let a gallery that is opened by its home have its database on the run's server."""
    if on_server() is not None:
        by_home = property(lambda self: self.database_url or address_of(self.home))
        Settings.database = by_home  # type: ignore[assignment, method-assign]


def admin(address: str) -> sa.Engine:
    """An engine that commits each statement, and keeps no connection."""
    return sa.create_engine(
        sa.make_url(address).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
