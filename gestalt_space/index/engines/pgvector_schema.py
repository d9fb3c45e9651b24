"""Where pgvector is in a database: the extension, and a schema beside that of the gallery, with the
tables."""

from __future__ import annotations

import re

import sqlalchemy as sa

from gestalt_space.errors import EngineUnsuitable
from gestalt_space.index.engines.pgvector_errors import reason

OLDEST = (0, 8)
"""The first version that goes on searching where a filter lets few rows through."""
_CREATE = "Ask the server's administrator to run in this database: CREATE EXTENSION vector;"
_EXTENSION_SCHEMA = (
    "SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n "
    "ON n.oid = e.extnamespace WHERE extname = 'vector'"
)
_SET_PATH = sa.text(
    "SELECT set_config('search_path', "
    f"concat_ws(', ', CAST(:s AS text), ({_EXTENSION_SCHEMA})), true)"
)


def schema_of(connection: sa.Connection) -> str:
    """The name of the schema, quoted; whether it is there or not."""
    current = connection.scalar(sa.text("SELECT current_schema()")) or "public"
    name = "gestalt" if current == "public" else str(current)
    return connection.dialect.identifier_preparer.quote(f"{name[:54]}_pgvector")


def table_of(space: str) -> str:
    """The name of the table of a space, by its fingerprint."""
    return f"rows_{space[:16]}"


def collections_of(connection: sa.Connection, gallery: str) -> dict[str, str]:
    """The tables of a gallery in a database, whoever made them: by the fingerprints of their
    spaces, each with its schema."""
    schema = schema_of(connection)
    if not is_there(connection, f"{schema}.collection"):
        return {}
    query = sa.text(f"SELECT space FROM {schema}.collection WHERE gallery = :g ORDER BY space")  # noqa: S608
    spaces = connection.scalars(query, {"g": gallery})
    return {space: f"{schema}.{table_of(space)}" for space in spaces}


def is_there(connection: sa.Connection, table: str) -> bool:
    """Whether there is a table, or an index, of a name."""
    return connection.scalar(sa.text("SELECT to_regclass(:t)"), {"t": table}) is not None


def set_path(connection: sa.Connection, schema: str) -> None:
    """Let names of a transaction be those of a schema, and of that in which the extension is."""
    connection.execute(_SET_PATH, {"s": schema})


def require_extension(connection: sa.Connection) -> None:
    """Make the extension where it is not there. Raises `EngineUnsuitable` where that cannot be
    done, or it is too old."""
    there = sa.text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    version = connection.scalar(there)
    if version is None:
        known = sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")
        if not connection.scalar(known):
            raise EngineUnsuitable(
                "The database server does not have the extension pgvector.",
                "Ask its administrator to install pgvector 0.8 or newer (on Debian, a package "
                "such as postgresql-16-pgvector), and then to run in this database: CREATE "
                "EXTENSION vector;",
            )
        try:
            with connection.begin_nested():
                connection.exec_driver_sql("CREATE EXTENSION vector")
        except sa.exc.ProgrammingError as error:
            raise EngineUnsuitable(
                f"The extension pgvector cannot be created: {reason(error)}.", _CREATE
            ) from error
        version = connection.scalar(there)
    numbers = tuple(int(one) for one in re.findall(r"\d+", str(version))[:2])
    if numbers < OLDEST:
        raise EngineUnsuitable(
            f"The server has pgvector {version}; version 0.8 or newer is needed.",
            "Ask its administrator to install a newer one, and to run in this database: ALTER "
            "EXTENSION vector UPDATE;",
        )
