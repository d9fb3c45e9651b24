"""All rows of a database, table by table, and put into another one, of either engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store.tables import Base

FETCHED = 1024
Row = tuple[Any, ...]


def dumped_tables() -> list[sa.Table]:
    """All tables, those that others refer to first."""
    return list(Base.metadata.sorted_tables)


def table_rows(session: Session, table: sa.Table) -> Iterator[Sequence[Row]]:
    """The rows of a table in the order of their keys, many at a time."""
    query = sa.select(table).order_by(*table.primary_key.columns)
    for rows in session.execute(query.execution_options(yield_per=FETCHED)).partitions():
        yield [tuple(row) for row in rows]


def insert_rows(session: Session, table: sa.Table, rows: Iterable[Sequence[Row]]) -> None:
    """Put rows into a table, as `table_rows` gives them."""
    names = [column.name for column in table.columns]
    for some in rows:
        if some:
            told = [dict(zip(names, row, strict=True)) for row in some]
            session.execute(sa.insert(table), told)


def empty_tables(session: Session) -> None:
    """Take out what a migration puts into a new database, before other rows come."""
    for table in reversed(dumped_tables()):
        session.execute(sa.delete(table))


def holds_rows(session: Session) -> list[str]:
    """The tables with rows, beside the counter that each new database has."""
    return [
        table.name
        for table in dumped_tables()
        if table.name != "change"
        and session.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
    ]


def key_counters(session: Session) -> dict[str, int]:
    """The highest key that each table ever gave, for tables whose keys are never given twice."""
    if session.get_bind().dialect.name == "sqlite":
        rows = session.execute(sa.text("SELECT name, seq FROM sqlite_sequence"))
        return {name: seq for name, seq in rows if name in Base.metadata.tables}
    found = {}
    for table, column in _counted():
        last = session.scalar(
            sa.text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:t, :c)::regclass)"),
            {"t": table.name, "c": column},
        )
        if last is not None:
            found[table.name] = int(last)
    return found


def set_key_counters(session: Session, counters: Mapping[str, int]) -> None:
    """Let each table give keys above these and above those that it has."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    for table, column in _counted():
        here = session.scalar(sa.select(sa.func.max(table.columns[column]))) or 0
        last = max(here, counters.get(table.name, 0))
        if last and is_sqlite and table.dialect_options["sqlite"]["autoincrement"]:
            session.execute(
                sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name}
            )
            session.execute(
                sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"),
                {"name": table.name, "last": last},
            )
        elif last and not is_sqlite:
            session.execute(
                sa.text("SELECT setval(pg_get_serial_sequence(:t, :c)::regclass, :last)"),
                {"t": table.name, "c": column, "last": last},
            )


def _counted() -> list[tuple[sa.Table, str]]:
    """The tables whose keys the database gives, and the columns of these."""
    return [
        (table, column.name)
        for table in dumped_tables()
        if (column := table.autoincrement_column) is not None
        and not column.foreign_keys
        and table.name != "change"
    ]
