"""The database's migrations: at which one it is, and how it is brought to the newest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from gestalt_space.errors import DatabaseError
from gestalt_space.store.connecting import (
    is_sqlite,
    make_engine,
    mapped_errors,
    opening,
    where,
    writing_options,
)
from gestalt_space.store.sqlite import (
    holds_something,
    make_file,
    sqlite_file,
    without_foreign_keys,
)

REVISION = "0014"
"""The migration that this code works with: the newest one."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A database that was upgraded: its address without a password, and what the migrations found
    that a person should know."""

    where: str
    notes: tuple[str, ...]


def database_revision(address: str | Path, busy_timeout: float = 30.0) -> str | None:
    """The migration that a database is at; None for one that is empty or not there yet."""
    engine = make_engine(address, busy_timeout=busy_timeout)
    try:
        return current_revision(engine)
    finally:
        engine.dispose()


def upgrade_database(address: str | Path, busy_timeout: float = 30.0) -> Upgraded:
    """Bring a database to the newest migration; a SQLite file is made where there is none."""
    engine = make_engine(address, busy_timeout=busy_timeout)
    try:
        notes = upgrade(engine)
    finally:
        engine.dispose()
    return Upgraded(where(engine), notes)


def current_revision(engine: Engine) -> str | None:
    """The migration that a database is at, or None for one that is empty or not there."""
    file = sqlite_file(engine.url)
    with opening(engine):
        if file is not None and not holds_something(file):
            return None
    with mapped_errors(engine), engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(engine: Engine) -> tuple[str, ...]:
    """Bring a database to the newest migration, in one transaction; a file is made where there is
    none. Returns what the migrations found that a person should know. Raises `DatabaseError`.
    """
    # Imported here: Alembic is needed once in a database's life.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    notes: list[str] = []
    config = Config()
    config.attributes["notes"] = notes
    scripts = str(files("gestalt_space.migrations"))
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    with opening(engine):
        if (file := sqlite_file(engine.url)) is not None:
            make_file(file)
    with mapped_errors(engine), migrating(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseError(
                f"The database cannot be upgraded to version {REVISION}: {error}.",
                "Use the version of gestalt-space that made it.",
            ) from error
    return tuple(notes)


@contextmanager
def migrating(engine: Engine) -> Iterator[sa.Connection]:
    """A connection for a migration, in one transaction that has the writer's lock: a second process
    that migrates waits, and then finds nothing to do. Raises `DatabaseError`.
    """
    with engine.execution_options(**writing_options(engine)).connect() as connection:
        if is_sqlite(engine):
            with without_foreign_keys(connection):
                yield connection
        else:
            with connection.begin():
                yield connection
