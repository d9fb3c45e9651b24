"""Connections to the PostgreSQL server that has pgvector, kept from one question to the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock

import sqlalchemy as sa

from gestalt_space.errors import EngineAway, UsageError

INSTALL = "pip install 'gestalt-space[pgvector]'"


class ServerConnections:
    """To one database by its address. Safe for threads. Raises `UsageError` for an address of
    another database than PostgreSQL, and where psycopg is missing."""

    def __init__(self, address: str) -> None:
        self._engine = _engine_of(address)
        self._lock = Lock()
        self._used = 0
        self._is_closed = False

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A connection within a transaction. Raises `EngineAway` after `close`, and what SQLAlchemy
        does."""
        with self._open() as engine, engine.begin() as connection:
            yield connection

    @contextmanager
    def outside_transactions(self) -> Iterator[sa.Connection]:
        """A connection on which each statement counts at once. Raises as `transaction` does."""
        with self._open() as engine:
            direct = engine.execution_options(isolation_level="AUTOCOMMIT")
            with direct.connect() as connection:
                yield connection

    def close(self) -> None:
        """Close all connections; if some are in use, when the last of these is given back. Raises
        nothing."""
        with self._lock:
            self._is_closed = True
            self._close_unused()

    @contextmanager
    def _open(self) -> Iterator[sa.Engine]:
        with self._lock:
            if self._is_closed:
                raise EngineAway("This connection to pgvector is closed.", "Open it again.")
            self._used += 1
        try:
            yield self._engine
        finally:
            with self._lock:
                self._used -= 1
                self._close_unused()

    def _close_unused(self) -> None:
        # Not earlier: SQLAlchemy leaves those in use to whoever collects them.
        if self._is_closed and not self._used:
            self._engine.dispose()


def not_installed() -> UsageError:
    """The error where packages are missing."""
    return UsageError("The packages for pgvector are not installed.", INSTALL)


def _engine_of(address: str) -> sa.Engine:
    url = sa.make_url(address)
    if not url.drivername.startswith("postgres"):
        raise UsageError(
            "pgvector searches a gallery on a PostgreSQL server; this one is a SQLite file.",
            "Move the gallery to PostgreSQL (docs/backups.md), or use another engine.",
        )
    if find_spec("psycopg") is None:
        raise not_installed()
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": "10", "application_name": "gestalt"},
        pool_pre_ping=True,
        use_native_hstore=False,
    )
