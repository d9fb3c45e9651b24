"""New databases as the migrations make them, without running the migrations for each test."""

from __future__ import annotations

from alembic import command
from alembic.config import Config

_migrated = command.upgrade
_made: list[str] = []
"""The statements that make what the migrations made of an empty SQLite file."""


def upgrade(config: Config, revision: str) -> None:
    """What `alembic.command.upgrade` does, which a new SQLite file is spared from the second on.

    All else of the product's own upgrade stays: the file, the lock, the transaction, the checks.
    """
    connection = config.attributes["connection"]
    is_new = (
        connection.dialect.name == "sqlite"
        and connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    )
    if not is_new:
        _migrated(config, revision)
    elif not _made:
        _migrated(config, revision)
        dump = connection.connection.driver_connection.iterdump()
        _made.extend(line for line in dump if line not in ("BEGIN TRANSACTION;", "COMMIT;"))
    else:
        for statement in _made:
            connection.exec_driver_sql(statement)
