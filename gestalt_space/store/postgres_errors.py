"""What a PostgreSQL server refuses, in words that say what to do. By the server's codes, since it
may speak any language."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from gestalt_space.errors import DatabaseError, GestaltError, UsageError
from gestalt_space.store.postgres import WRITERS, gallery_schema, shown_address

_AGAIN = "Run the same command again."
_ADDRESS = (
    "Check GESTALT_DATABASE_URL, and that the server is running and accepts connections "
    "from this machine."
)
_RIGHTS = (
    "The owner of the database can allow it: GRANT CONNECT ON DATABASE, GRANT CREATE ON SCHEMA "
    "{schema}, and GRANT SELECT, INSERT, UPDATE, DELETE on all tables, USAGE on all sequences."
)
_NO_SCHEMA = (
    "Check the search_path of the role, GRANT USAGE ON SCHEMA {schema}, or CREATE SCHEMA {schema}."
)

_BY_CODE: tuple[tuple[str, str, str], ...] = (
    ("08", "lost the connection; no unfinished change was saved", _AGAIN),
    ("57P01", "closed the connection; no unfinished change was saved", _AGAIN),
    ("57P02", "crashed; nothing of an unfinished change was made", _AGAIN),
    ("57P03", "is starting or stopping", "Wait a moment and run the same command again."),
    (
        "57P05",
        "ended an idle transaction; nothing of it was saved",
        _AGAIN,
    ),
    ("57014", "stopped a query that took too long", "Raise the statement_timeout of the role."),
    (
        "53100",
        "has no space left on its disk; nothing was changed",
        "Free some space on the server's disk and run the same command again.",
    ),
    ("53300", "has no connection left", "Close other programs that use the server, and try again."),
    ("53", "has too little memory or room", "Ask the server's administrator."),
    ("28P01", "refuses the password", "Check user and password in GESTALT_DATABASE_URL."),
    (
        "28",
        "refuses the user",
        "Check the user in GESTALT_DATABASE_URL, and the server's pg_hba.conf.",
    ),
    ("3D000", "does not exist", "Create it: createdb --encoding UTF8 --template template0 NAME."),
    (
        "3F000",
        "has no schema to work in",
        _NO_SCHEMA,
    ),
    (
        "25006",
        "is read-only: it is a standby server, or its role is read-only",
        "Give the address of the primary server in GESTALT_DATABASE_URL.",
    ),
    ("42501", "does not allow that", _RIGHTS),
    (
        "42P07",
        "already has other tables with the same names",
        "Use a separate database for the gallery.",
    ),
    ("40", "undid a change because of a conflict with another change", _AGAIN),
    (
        "54000",
        "cannot store such a long name",
        "Use names of at most 500 characters for patients, disorders and photos.",
    ),
    ("XX", "is damaged", "Restore your last backup."),
    ("58", "is damaged, or its disk is", "Restore your last backup."),
)
"""The beginning of a code, what the database did or is, and what to do; `{schema}` is that of the
gallery."""

_BY_WORDS: tuple[tuple[str, str], ...] = (
    ("password authentication failed|no password supplied", "28P01"),
    ("database .* does not exist", "3D000"),
    ("role .* does not exist|pg_hba.conf|authentication failed", "28000"),
    ("too many (connections|clients)|connection slots are reserved", "53300"),
    ("database system is (starting|shutting|in recovery|not yet)", "57P03"),
)
"""Where no connection comes about, the driver hands on the server's words without a code."""
_UNREACHABLE = (
    "connection to server|connection timeout|could not translate|resolve|refused|is not known"
)
_LOST = (
    "server closed the connection|connection is (lost|closed)|consuming input failed|"
    "sending query failed|terminating connection"
)


def postgres_failure(engine: Engine, error: BaseException) -> GestaltError:
    """What to raise for an error of the driver."""
    where = f"The database {shown_address(engine)}"
    reason = _reason(engine, error)
    code = getattr(error, "sqlstate", None) or _code_of(reason)
    if code == "55P03":
        return DatabaseError(
            f"{where} is busy: {_holder(engine)}.",
            "Wait until it has finished, or raise GESTALT_BUSY_TIMEOUT.",
        )
    if code == "22003" or ("out of range" in reason and code is None):
        return out_of_range()
    if "NUL (0x00)" in reason or code == "22021":
        return UsageError("A name has a NUL character.", "Remove it.")
    for start, what, hint in _BY_CODE:
        if code is not None and code.startswith(start):
            hint = hint.format(schema=gallery_schema(engine))
            return DatabaseError(f"{where} {what} ({reason}).", hint)
    if type(error).__name__ == "ProgrammingError" and "connection option" in reason:
        return DatabaseError(f"The address of the database has a wrong option: {reason}.", _ADDRESS)
    if _is_unreachable(error, reason):
        return DatabaseError(f"{where} cannot be reached: {reason}.", _ADDRESS)
    if _is_lost(reason):
        _, what, hint = _BY_CODE[0]
        return DatabaseError(f"{where} {what} ({reason}).", hint)
    return DatabaseError(f"{where} failed: {reason}.", "Run `gestalt doctor`.")


def out_of_range() -> UsageError:
    """What to raise for a number of more than 64 bits."""
    return UsageError("A number is too large for the database (64 bits).", "Give a smaller number.")


def _reason(engine: Engine, error: BaseException) -> str:
    """The first line of what the driver says, and nothing of the password."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines[0] if lines else type(error).__name__).rstrip(".")
    reason = re.sub(r"^connection (failed|is bad): ", "", reason)
    secrets = [engine.url.password, engine.url.query.get("password")]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            reason = reason.replace(secret, "***")
    return reason


def _code_of(reason: str) -> str | None:
    found = (code for words, code in _BY_WORDS if re.search(words, reason))
    return next(found, None)


def _is_unreachable(error: BaseException, reason: str) -> bool:
    is_one = type(error).__name__ in ("OperationalError", "ConnectionTimeout")
    return is_one and bool(re.search(_UNREACHABLE, reason))


def _is_lost(reason: str) -> bool:
    return bool(re.search(_LOST, reason))


def _holder(engine: Engine) -> str:
    """Who has the writer's lock; else who is at work in the database. The server tells of other
    roles' connections no more than number and program."""
    with suppress(sa.exc.SQLAlchemyError), engine.connect() as connection:
        for does, question in (("is writing to it", _WRITER), ("uses it", _AT_WORK)):
            row = connection.execute(question).first()
            if row is not None:
                pid, program, client, seconds = tuple(row)
                place = f", from {client}" if client else ""
                since = "" if seconds is None else f", for {seconds:,} seconds"
                name = program or "a program without a name"
                return f"another process {does} ({name}{place}, server process {pid}{since})"
    return "another process is writing to it"


_SINCE: sa.ColumnClause[int] = sa.literal_column("extract(epoch FROM now() - xact_start)::bigint")
_OTHERS = sa.text("pg_stat_activity.datname = current_database() AND pid <> pg_backend_pid()")
_ACTIVITY: Any = (
    sa.select(*map(sa.literal_column, ("pid", "application_name", "host(client_addr)")), _SINCE)
    .select_from(sa.table("pg_stat_activity"))
    .where(_OTHERS)
    .limit(1)
)
_WRITER = _ACTIVITY.where(
    sa.text(
        "pid IN (SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
        "WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :key "
        "AND d.datname = current_database())"
    ).bindparams(key=WRITERS)
)
_AT_WORK = _ACTIVITY.where(
    sa.text("backend_type = 'client backend' AND coalesce(state, '') <> 'idle'")
).order_by(sa.literal_column("xact_start"))
