"""Engines for addresses of either kind of database, and what becomes of a driver's errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from gestalt_space.errors import DatabaseError, GestaltError, UsageError
from gestalt_space.paths import display_name
from gestalt_space.store import postgres, sqlite
from gestalt_space.store.postgres_errors import out_of_range, postgres_failure
from gestalt_space.store.sqlite import sqlite_file

_KINDS = (
    "The default is a SQLite file in the home. For PostgreSQL, set "
    "GESTALT_DATABASE_URL=postgresql://USER@HOST/NAME."
)


def make_engine(address: str | Path, *, busy_timeout: float = 30.0) -> Engine:
    """An engine whose connections are set and checked; it makes no file and no connection.

    `address`: the path of a SQLite file, or the address of a SQLite or PostgreSQL database. Raises
    `DatabaseError`.
    """
    url = _url_of(address)
    if url.drivername in postgres.NAMES:
        try:
            return postgres.postgres_engine(url, busy_timeout)
        except ImportError as error:
            raise DatabaseError(
                "The driver for PostgreSQL, psycopg, is not installed.",
                "pip install 'gestalt-space[postgres]'",
            ) from error
    if url.drivername not in sqlite.NAMES:
        raise DatabaseError(f"Unsupported kind of database: {url.drivername}.", _KINDS)
    return sqlite.sqlite_engine(url, busy_timeout)


def is_sqlite(engine: Engine) -> bool:
    """Whether an engine is of a SQLite database."""
    return engine.dialect.name == "sqlite"


def reading_options(engine: Engine) -> dict[str, Any]:
    """How an engine is to begin a transaction that sees one state and changes nothing."""
    return {} if is_sqlite(engine) else dict(postgres.READING)


def writing_options(engine: Engine) -> dict[str, Any]:
    """How an engine is to begin a transaction whose first statement takes the writer's lock."""
    return dict(sqlite.WRITING if is_sqlite(engine) else postgres.WRITING)


def where(engine: Engine) -> str:
    """The path or the address of a database, without a password."""
    file = sqlite_file(engine.url)
    return postgres.shown_address(engine) if file is None else display_name(file)


@contextmanager
def mapped_errors(engine: Engine) -> Iterator[None]:
    """Turn SQLAlchemy's errors, and what drivers raise beside them, into ours."""
    try:
        yield
    except SQLAlchemyError as error:
        raise _failure(engine, getattr(error, "orig", None) or error) from error
    except UnicodeEncodeError as error:
        raise UsageError("A name has bytes that are not text.", "Use UTF-8.") from error
    except OverflowError as error:
        if "SQLite" not in str(error):
            raise
        raise out_of_range() from error


@contextmanager
def opening(engine: Engine) -> Iterator[None]:
    """Turn what the system says of the database's file alone into `DatabaseError`."""
    try:
        yield
    except OSError as error:
        raise DatabaseError(
            f"The database {where(engine)} cannot be opened: {error.strerror or error}.",
            "Check --home and its permissions.",
        ) from error


def _failure(engine: Engine, error: BaseException) -> GestaltError:
    if engine.dialect.name == "postgresql":
        return postgres_failure(engine, error)
    return sqlite.sqlite_failure(where(engine), sqlite_file(engine.url), error)


def _url_of(address: str | Path) -> sa.URL:
    if isinstance(address, Path):
        return sa.URL.create("sqlite", database=os.fspath(address.absolute()))
    try:
        url = sa.make_url(address)
    except (SQLAlchemyError, ValueError):
        # Not shown, nor in a cause: a password may stand in it.
        raise DatabaseError("The address of the database cannot be read.", _KINDS) from None
    if url.drivername in sqlite.NAMES and url.query:
        raise DatabaseError(
            f"The address {url.render_as_string(hide_password=True)} has options after `?`, which "
            "a SQLite file cannot have here.",
            "Give only the path: sqlite:////folder/gallery.sqlite3.",
        )
    return url
