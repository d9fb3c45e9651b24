"""What a PostgreSQL server with pgvector says, in words of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from gestalt_space.errors import (
    EngineAway,
    EngineError,
    EngineFull,
    EngineUnsuitable,
    GestaltError,
)

SYNC = "Run `gestalt index engine sync pgvector`, or leave out --index."
NO_TABLE = "pgvector has no descriptors of this space."


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Raises `EngineError` and what is derived of it for what the server or the connection says."""
    import psycopg

    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _failure(error.orig or error) from error
    except psycopg.Error as error:
        raise _failure(error) from error


def reason(error: BaseException) -> str:
    """The first line of what went wrong, without a full stop."""
    lines = [line.strip() for line in str(getattr(error, "orig", error)).splitlines()]
    return next((line for line in lines if line), type(error).__name__).rstrip(".")


_FAILURES: Sequence[tuple[str, Callable[[str], GestaltError]]] = (
    (
        "53100",
        lambda why: EngineFull(
            f"The database server has no space left for pgvector ({why}).",
            "Free some space on the server's disk and run `gestalt index engine sync pgvector`.",
        ),
    ),
    (
        "42501",
        lambda why: EngineUnsuitable(
            f"The database does not allow pgvector to be used ({why}).",
            "Ask the owner of the database. To fill it: GRANT CREATE ON DATABASE; if another role "
            "made the schema gestalt_pgvector, fill it as that role. To search it: GRANT USAGE ON "
            "SCHEMA gestalt_pgvector, GRANT SELECT ON ALL TABLES IN SCHEMA "
            "gestalt_pgvector.",
        ),
    ),
    ("42P01", lambda _: EngineUnsuitable(NO_TABLE, SYNC)),
    (
        "25006",
        lambda _: EngineUnsuitable(
            "pgvector cannot be filled: the database server is read-only.",
            "Give the address of the primary server in GESTALT_DATABASE_URL.",
        ),
    ),
    (
        "53",
        lambda why: EngineFull(
            f"The database server has too little memory or room for pgvector ({why}).",
            "Ask the server's administrator.",
        ),
    ),
)
"""By the beginning of the server's codes, since it may speak any language."""


def _failure(error: BaseException) -> GestaltError:
    code = getattr(error, "sqlstate", None)
    for start, make in _FAILURES:
        if code is not None and code.startswith(start):
            return make(reason(error))
    if code is None or code.startswith(("08", "57P")):
        return EngineAway(
            f"The database server, which pgvector is in, does not answer ({reason(error)}).",
            "Check that the server is running, and run the same command again.",
        )
    return EngineError(f"pgvector failed: {reason(error)}.", "Run `gestalt doctor`.")
