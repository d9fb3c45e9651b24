"""A PostgreSQL database: its engine, what every connection is set to, the writer's lock, and what
is left of deleted rows.

One database, or one schema of it by `search_path`, holds one gallery.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError
from gestalt_space.store.tables import Base

NAMES = ("postgresql", "postgres", "postgresql+psycopg")
"""How the addresses of such databases begin."""
READING = {"gestalt_read": True}
"""How a transaction is begun that sees one state from its first query to its last."""
WRITING = {"gestalt_write": True}
"""And one that sees, after it has the lock, what the writer before it did."""

_SCHEMA = "gestalt_schema"
"""The option of an engine that holds the schema of its connections, once there was one."""

WRITERS = 0x67737472
"""The first half of the key of the writer's advisory lock; the second one is of the schema. The
server frees it at the end of the transaction, however that ends."""
WORKERS = 0x67737477
"""The same of the locks on other work."""
_SCHEMA_NOW = sa.text("SELECT coalesce(current_schema(), '')")
_KEY = f"{WRITERS}, hashtext(coalesce(current_schema(), ''))"
_TAKE_LOCK = (
    "SELECT set_config('idle_in_transaction_session_timeout', '10min', true), "
    f"pg_advisory_xact_lock({_KEY})"
)
_LOST_CLIENT = {"tcp_keepalives_idle": "60", "tcp_keepalives_interval": "10"}
_LOST_CLIENT |= {"tcp_keepalives_count": "3", "idle_in_transaction_session_timeout": "1h"}
"""So that the server sees soon that a client is gone, and frees what it held."""

_PAUSE = 0.2
"""Seconds until a table is written again that still has deleted rows."""
PATIENCE = 30.0
"""Seconds for which it is written again. Not `busy_timeout`: nothing is locked meanwhile, and those
who are waited for need not know of the gallery."""
_OLDEST = (
    "SELECT pid, application_name, datname FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
    "AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL) ORDER BY xact_start LIMIT 1"
)
"""The transaction that began first, of those that the role may see."""

_CONNECT = {"connect_timeout": "10", "application_name": "gestalt", "client_encoding": "utf8"}
_CONNECT |= {"keepalives_idle": "60", "keepalives_interval": "10", "keepalives_count": "3"}


def postgres_engine(url: sa.URL, busy_timeout: float) -> Engine:
    """An engine; nothing is connected yet. What the address sets behind `?` has precedence.

    Raises `ModuleNotFoundError` or `ImportError` where the driver is not there, and `DatabaseError`
    for an address with a second `@`.
    """
    if "@" in (url.host or ""):
        # Not shown: a part of the password would stand in the host's place.
        raise DatabaseError(
            "The address of the database has more than one @.",
            "In the password, write %40 for @, %2F for /, %3A for : and %25 for %.",
        )
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={key: value for key, value in _CONNECT.items() if key not in url.query},
        # A connection that the server closed meanwhile is made anew.
        pool_pre_ping=True,
        use_native_hstore=False,
    )
    _set_up(engine, busy_timeout)
    return engine


def shown_address(engine: Engine) -> str:
    """The address of a database as it may be shown: without a password, wherever it stands, and
    with the schema that holds the gallery where that is not `public`."""
    url = engine.url
    place = {key: value for key, value in url.query.items() if key in ("host", "port")}
    shown = url.set(drivername="postgresql", password=None, query=place).render_as_string()
    schema = gallery_schema(engine)
    return shown if schema == "public" else f"{shown} (schema {schema})"


def gallery_schema(engine: Engine) -> str:
    """The schema that holds the gallery, as far as the address and the connections say."""
    known = engine.get_execution_options().get(_SCHEMA)
    return str(known or _schema_asked_for(engine.url) or "public")


def _schema_asked_for(url: sa.URL) -> str | None:
    """The first schema that an address names; what the server makes of it is not known yet."""
    found = re.search(r"search_path\s*=\s*\"?([^\s,\"]+)", str(url.query.get("options", "")))
    return found[1] if found else None


def may_write(connection: sa.Connection) -> bool:
    """Whether a gallery may be changed: not on a standby, nor by a role that can only read."""
    # A table that is not there yet may be made; asked about it by name, the server would fail.
    query = (
        "SELECT current_setting('transaction_read_only') = 'off' "
        "AND coalesce(has_table_privilege(to_regclass('change')::oid, 'UPDATE'), true)"
    )
    return bool(connection.exec_driver_sql(query).scalar())


def count_keys_on(session: Session) -> None:
    """After rows were put in with their keys: let the server count on from the highest. In a
    session that writes; SQLite does so by itself."""
    for table in Base.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or column.foreign_keys:
            continue
        session.execute(
            sa.text(
                "SELECT setval(counter, highest) FROM (SELECT "  # noqa: S608 - names of our own
                f"pg_get_serial_sequence('{table.name}', '{column.name}')::regclass AS counter, "
                f"(SELECT max({column.name}) FROM {table.name}) AS highest) found "
                "WHERE highest > coalesce(pg_sequence_last_value(counter), 0)"
            )
        )


@contextmanager
def alone(connection: sa.Connection, what: str) -> Iterator[None]:
    """Hold a lock on `what` in the schema of a connection; `lock_timeout` says how long is waited
    for it."""
    key = {"key": WORKERS, "what": f"{connection.scalar(_SCHEMA_NOW)} {what}"}
    connection.execute(sa.text("SELECT pg_advisory_lock(:key, hashtext(:what))"), key)
    try:
        yield
    finally:
        # Where the connection is lost, so is the lock.
        with suppress(sa.exc.DBAPIError):
            connection.execute(sa.text("SELECT pg_advisory_unlock(:key, hashtext(:what))"), key)


def vacuum(engine: Engine, tables: Collection[str]) -> None:
    """Write tables anew without the rows that were deleted from them or replaced in them.

    The server keeps those on its pages until then. Each table is locked against readers and writers
    while it is written, and needs as much space once more. Afterwards no page of these tables, of
    their indexes or of their large values has such a row. Not reached, and the server's
    administrator's to clear: the write-ahead log until it is recycled (a checkpoint, and as much
    new log as `max_wal_size`), log archives, base backups, dumps, replicas that lag behind,
    replication slots, the server's text log, and what the disk keeps of files that were deleted.

    The server keeps a row, too, that an older transaction may still see: one that reads this
    database, be it of the server's own housekeeping, one that writes in any database of the server,
    or one of a standby. Then the table is written again, for `PATIENCE` seconds. Raises
    `DatabaseError` if such rows are there still, and where the role does not own a table: the
    server would pass over it with a warning alone.
    """
    known = Base.metadata.tables
    with engine.connect() as connection:
        direct = connection.execution_options(isolation_level="AUTOCOMMIT")
        for name in tables:
            _vacuum(direct, known[name].name)


def _vacuum(connection: sa.Connection, table: str) -> None:
    until = monotonic() + PATIENCE
    while (left := _rows_left(connection, table)) and monotonic() < until:
        sleep(_PAUSE)
    if left:
        raise DatabaseError(
            f"Deleted rows are still in the database ({left} in the table {table}): "
            f"{_oldest(connection)} began before they were deleted.",
            "Wait until it has ended, or stop it if it is a forgotten one, and run the same "
            "command again.",
        )


def _oldest(connection: sa.Connection) -> str:
    row = connection.exec_driver_sql(_OLDEST).first()
    if row is None:
        return "a transaction of another program on the server"
    pid, program, database = tuple(row)
    name = program or "a program without a name"
    return f"a transaction of {name} (server process {pid}, database {database})"


def _rows_left(connection: sa.Connection, table: str) -> int:
    """Write a table anew; the number of its deleted rows that are in it still."""
    warnings: list[str] = []
    left = 0

    def note(diagnostic: Any) -> None:
        nonlocal left
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary)
        # "0 dead row versions cannot be removed yet", in the language of the server.
        elif number := re.match(r"\D*(\d+)", diagnostic.message_detail or ""):
            left += int(number[1])

    driver: Any = connection.connection.driver_connection
    driver.add_notice_handler(note)
    try:
        connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE, VERBOSE) {table}")
    finally:
        driver.remove_notice_handler(note)
    if warnings:
        raise DatabaseError(
            f"The server did not clean deleted rows: {warnings[0]}.",
            "Ask the owner of the tables to run VACUUM FULL.",
        )
    return left


def _set_up(engine: Engine, busy_timeout: float) -> None:
    # 0 would wait for ever.
    timeout = f"{max(1, round(busy_timeout * 1000))}ms"
    # Whoever opens a cursor here reads it to its end: the server shall plan for that.
    wanted = {"lock_timeout": timeout, "cursor_tuple_fraction": "1", **_LOST_CLIENT}
    settings = (f"set_config('{name}', '{value}', false)" for name, value in wanted.items())
    query = "current_setting('server_encoding'), current_schema()"
    check = f"SELECT {query}, {', '.join(settings)}"

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        encoding, schema, *_ = connection.execute(check).fetchone()
        connection.commit()
        engine.update_execution_options(**{_SCHEMA: schema})
        if encoding != "UTF8":
            connection.close()
            raise DatabaseError(
                f"The database {shown_address(engine)} uses the encoding {encoding}, which cannot "
                "store all names.",
                "Create a database in UTF-8: createdb --encoding UTF8 --template template0 NAME.",
            )

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        from psycopg import IsolationLevel

        options = connection.get_execution_options()
        reads = options.get("gestalt_read", False)
        # It sends these with the first statement. Nothing in the place of "may write": that would
        # be an error on a standby.
        driver: Any = connection.connection.driver_connection
        level = IsolationLevel.REPEATABLE_READ if reads else IsolationLevel.READ_COMMITTED
        driver.isolation_level = level
        driver.read_only = True if reads else None
        if options.get("gestalt_write", False):
            connection.exec_driver_sql(_TAKE_LOCK)
