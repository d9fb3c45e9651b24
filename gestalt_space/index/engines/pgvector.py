"""The extension pgvector of a PostgreSQL server, in the database that has the gallery.

A schema of its own holds one table a space, and which change each follows; nothing of it is in the
gallery's own tables. Numbers are kept in half precision, and searched by a graph (HNSW), which
takes `MOST_NUMBERS` at the most: longer descriptors are kept in parts of equal length, each with a
graph of its own, and a row is a candidate by any of them.

To put a row into a large graph takes longer than all else. So rows that came after the graph was
made are `fresh`: they are in none, and each search compares all of them. When they are `MOST_FRESH`
they are put in together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from gestalt_space.errors import EngineError, EngineUnsuitable
from gestalt_space.index.engines.contract import (
    EVERY_ROW,
    NOTHING,
    CollectionPlace,
    EngineFilter,
    EngineHits,
    EnginePosition,
    EngineRows,
)
from gestalt_space.index.engines.owners import of_another_gallery
from gestalt_space.index.engines.pgvector_connections import ServerConnections, not_installed
from gestalt_space.index.engines.pgvector_errors import NO_TABLE, SYNC, mapped_errors
from gestalt_space.index.engines.pgvector_filter import conditions
from gestalt_space.index.engines.pgvector_schema import (
    is_there,
    require_extension,
    schema_of,
    set_path,
    table_of,
)
from gestalt_space.types import Ids

MOST_NUMBERS = 4_000
"""Of a half-precision vector in a graph."""
LINKS, BREADTH = 16, 64
"""Of each row in the graph, and of the search for them when it is put in."""
BREADTHS = (100, 1_000)
"""Of a search, at the least and at the most; the server allows no more."""
MOST_FRESH = 20_000
"""Rows that are in no graph: a search compares as many in about 10 ms."""
MADE_ANEW = 0.25
"""Share of all rows from which on it is faster to make the graphs anew than to put them in."""
SHARE = 0.04
"""Of all rows, so many as are taken from the graph at the least, before the nearest of them are
kept: descriptors of faces lie so that a graph misses some of the nearest, the more so the larger it
is."""
LOOKED_AT = 40
"""So many rows may be looked at for each that is wanted, where a filter keeps others out."""
SERVER_MEMORY = 4 * 2**20
"""KiB that the server may use at the most to make a graph; less where the rows need less."""
_KIB_OF_A_ROW = 1.0
"""What a row takes in the graph beside its numbers, while it is made."""
_BATCH = 5_000

_AGAIN = "Run the same command again."


class PgvectorEngine:
    """The collection of a space in a PostgreSQL database.

    `place`: its address is that of the gallery's database. Raises `UsageError` where it is none of
    PostgreSQL, or psycopg is missing. The package pgvector is needed to fill it, and not to take
    rows out: `create` and `add` raise `UsageError` where it is missing.
    """

    name = "pgvector"
    tolerance = 2e-3

    def __init__(self, place: CollectionPlace) -> None:
        self._space, self._dim, self._gallery = place.space, place.dim, place.gallery
        self._parts = _parts_of(place.dim)
        self._server = ServerConnections(place.address)
        self._table = table_of(place.space)
        self._schema: str | None = None

    def position(self) -> EnginePosition | None:
        """What the collection knows; None where there is none."""
        with self._reading() as connection:
            return self._position(connection) if connection is not None else None

    def create(self) -> None:
        """Make the collection, and with the first one the schema and the extension."""
        _require_package()
        with mapped_errors(), self._server.transaction() as connection:
            _take_lock(connection, "gestalt pgvector")
            require_extension(connection)
            schema = self._own_schema(connection)
            if connection.scalar(sa.text("SELECT to_regnamespace(:s)"), {"s": schema}) is None:
                connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
            set_path(connection, schema)
            # By its whole name: without rights on the schema, the first one of the path is another.
            connection.exec_driver_sql(
                f"CREATE TABLE IF NOT EXISTS {schema}.collection "
                "(space text PRIMARY KEY, dim int NOT NULL, gallery text NOT NULL, "
                "sequence bigint NOT NULL, epoch bigint NOT NULL, rows bigint NOT NULL)"
            )
            if self._position(connection) is not None:
                self._check(connection)
                return
            parts = ", ".join(f"part{n} halfvec({size}) NOT NULL" for n, size in self._numbered)
            connection.exec_driver_sql(
                f"CREATE TABLE {self._table} (id bigint PRIMARY KEY, patient bigint NOT NULL, "
                f"age float8, site bigint NOT NULL, fresh bool NOT NULL, {parts})"
            )
            connection.exec_driver_sql(f"CREATE INDEX ON {self._table} (patient)")
            connection.exec_driver_sql(f"CREATE INDEX ON {self._table} (id) WHERE fresh")
            connection.exec_driver_sql(
                "INSERT INTO collection VALUES (%s, %s, %s, %s, 0, 0)",
                (self._space, self._dim, self._gallery, NOTHING),
            )

    def add(self, rows: EngineRows) -> None:
        """Keep rows, in the place of those with the same identifiers."""
        _require_package()
        for start in range(0, len(rows.ids), _BATCH):
            with self._writing() as connection:
                self._add(connection, rows, slice(start, start + _BATCH))

    def correct(self, ids: Ids, ages: NDArray[np.float64], sites: Ids) -> None:
        """Other ages and sites."""
        with self._writing() as connection:
            connection.exec_driver_sql(
                f"UPDATE {self._table} SET age = new.age, site = new.site "  # noqa: S608
                "FROM unnest(%s::bigint[], %s::float8[], %s::bigint[]) new (id, age, site) "
                f"WHERE {self._table}.id = new.id",
                (ids.tolist(), [_known(age) for age in ages.tolist()], sites.tolist()),
            )

    def remove(self, ids: Ids) -> None:
        """Take rows out."""
        with self._writing() as connection:
            gone = self._delete(connection, ids)
            self._count(connection, -gone)

    def wipe(self) -> None:
        """Write the table and its graphs anew; the table is locked meanwhile."""
        with mapped_errors():
            with self._server.transaction() as connection:
                table = f"{self._check(connection)}.{self._table}"
                memory = self._memory(connection, self._rows(connection))
            with self._server.outside_transactions() as connection:
                connection.exec_driver_sql(f"SET maintenance_work_mem = '{memory}kB'")
                try:
                    _write_anew(connection, table)
                finally:
                    # Not to be lent again with these.
                    connection.invalidate()

    def settle(self, sequence: int, epoch: int, *, recount: bool = False) -> None:
        """Make the graphs where there are none, and note the position."""
        with self._writing() as connection:
            if recount:
                connection.exec_driver_sql(
                    f"UPDATE collection SET rows = (SELECT count(*) FROM {self._table}) "  # noqa: S608
                    "WHERE space = %s",
                    (self._space,),
                )
            self._build(connection)
            connection.exec_driver_sql(
                "UPDATE collection SET sequence = %s, epoch = %s WHERE space = %s",
                (sequence, epoch, self._space),
            )

    def ids(self) -> Ids:
        """The identifiers of all rows, ascending."""
        with self._writing() as connection:
            found = connection.exec_driver_sql(f"SELECT id FROM {self._table}")  # noqa: S608
            return np.sort(np.fromiter(found.scalars(), dtype=np.int64))

    def nearest(
        self, probe: NDArray[np.float32], count: int, among: EngineFilter = EVERY_ROW
    ) -> EngineHits:
        """The rows near to a probe, by any of the graphs."""
        parts = [_text(part) for part in np.split(probe, np.cumsum(self._parts)[:-1])]
        similarity = " + ".join(f"-(part{n} <#> %s::halfvec)" for n in range(len(parts)))
        fits, values = conditions(among)
        # Of those in no graph the similarity itself says which are near.
        orders: list[tuple[str, str, tuple[str, ...]]] = [("fresh", "2 DESC", ())]
        orders += [
            ("NOT fresh", f"part{n} <#> %s::halfvec", (part,)) for n, part in enumerate(parts)
        ]
        found: dict[int, float] = {}
        with self._writing() as connection:
            looked = max(int(count), int(SHARE * self._rows(connection)))
            _widen(connection, count, looked)
            for which, order, by in orders:
                query = (
                    f"SELECT * FROM (SELECT id, {similarity} FROM {self._table} "  # noqa: S608
                    f"WHERE {which}{fits} ORDER BY {order} LIMIT {looked}) near "
                    f"ORDER BY 2 DESC LIMIT {int(count)}"
                )
                rows = connection.exec_driver_sql(query, (*parts, *values, *by))
                found |= {key: near for key, near in rows}  # noqa: C416 - rows are no pairs
        best = sorted(found.items(), key=lambda one: -one[1])[:count]
        return EngineHits(
            np.array([key for key, _ in best], dtype=np.int64),
            np.array([similarity for _, similarity in best], dtype=np.float64),
        )

    def drop(self, *, of_any: bool = False) -> None:
        """Delete the collection."""
        with mapped_errors(), self._server.transaction() as connection:
            schema = self._own_schema(connection)
            if not is_there(connection, f"{schema}.collection"):
                return
            set_path(connection, schema)
            position = self._position(connection)
            if position is not None and not of_any:
                self._check_own(position)
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {self._table}")
            connection.exec_driver_sql("DELETE FROM collection WHERE space = %s", (self._space,))

    def close(self) -> None:
        """Close the connections; those that another thread still uses, when it is done."""
        self._server.close()

    @property
    def _numbered(self) -> list[tuple[int, int]]:
        return list(enumerate(self._parts))

    def _add(self, connection: sa.Connection, rows: EngineRows, some: slice) -> None:
        from pgvector import HalfVector
        from pgvector.psycopg import register_vector

        replaced = self._delete(connection, rows.ids[some])
        driver: Any = connection.connection.driver_connection
        register_vector(driver)
        halves = rows.vectors[some].astype(np.float16)
        parts = np.split(halves, np.cumsum(self._parts)[:-1], axis=1)
        names = ", ".join(f"part{n}" for n in range(len(parts)))
        facts = zip(
            *(values[some].tolist() for values in (rows.ids, rows.patients, rows.ages, rows.sites)),
            strict=True,
        )
        names = f"id, patient, age, site, fresh, {names}"
        is_fresh = self._has_graphs(connection)
        into = f"COPY {self._table} ({names}) FROM STDIN (FORMAT BINARY)"
        with driver.cursor() as cursor, cursor.copy(into) as copy:
            copy.set_types(["int8", "int8", "float8", "int8", "bool", *["halfvec"] * len(parts)])
            for place, (key, patient, age, site) in enumerate(facts):
                vectors = [HalfVector(part[place]) for part in parts]
                copy.write_row((key, patient, _known(age), site, is_fresh, *vectors))
        self._count(connection, len(halves) - replaced)

    def _delete(self, connection: sa.Connection, ids: Ids) -> int:
        query = f"DELETE FROM {self._table} WHERE id = ANY(%s)"  # noqa: S608 - a name of our own
        return connection.exec_driver_sql(query, (ids.tolist(),)).rowcount

    def _count(self, connection: sa.Connection, more: int) -> None:
        connection.exec_driver_sql(
            "UPDATE collection SET rows = rows + %s WHERE space = %s", (more, self._space)
        )

    def _build(self, connection: sa.Connection) -> None:
        """The graphs, where there are none yet, or where too many rows are in none."""
        rows = self._rows(connection)
        fresh = self._count_fresh(connection) if self._has_graphs(connection) else rows
        if fresh < MOST_FRESH and self._has_graphs(connection):
            return
        is_anew = fresh >= MADE_ANEW * rows
        if is_anew:
            for name in self._graphs:
                connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
        connection.exec_driver_sql(
            f"UPDATE {self._table} SET fresh = false WHERE fresh"  # noqa: S608 - a name of our own
        )
        if is_anew:
            self._make_graphs(connection, rows)
        connection.exec_driver_sql(f"ANALYZE {self._table}")

    def _make_graphs(self, connection: sa.Connection, rows: int) -> None:
        memory = self._memory(connection, rows)
        connection.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{memory}kB'")
        for number, name in enumerate(self._graphs):
            connection.exec_driver_sql(
                f"CREATE INDEX {name} ON {self._table} USING hnsw (part{number} halfvec_ip_ops) "
                f"WITH (m = {LINKS}, ef_construction = {BREADTH}) WHERE NOT fresh"
            )

    @property
    def _graphs(self) -> list[str]:
        return [f"{self._table}_graph{number}" for number, _ in self._numbered]

    def _has_graphs(self, connection: sa.Connection) -> bool:
        return is_there(connection, self._graphs[-1])

    def _count_fresh(self, connection: sa.Connection) -> int:
        query = f"SELECT count(*) FROM {self._table} WHERE fresh"  # noqa: S608 - our own name
        return int(connection.exec_driver_sql(query).scalar() or 0)

    def _memory(self, connection: sa.Connection, rows: int) -> int:
        """KiB of memory that the server is to make a graph with: what it gives to such work, or as
        much as the rows need. How many processes make it is the server's to say."""
        given = connection.scalar(
            sa.text("SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'")
        )
        wanted = int(rows * (2 * max(self._parts) / 1024 + _KIB_OF_A_ROW))
        return max(int(given or 0), min(wanted, SERVER_MEMORY))

    def _position(self, connection: sa.Connection) -> EnginePosition | None:
        row = connection.exec_driver_sql(
            "SELECT dim, gallery, sequence, epoch, rows FROM collection WHERE space = %s",
            (self._space,),
        ).first()
        return None if row is None else EnginePosition(self._space, *tuple(row))

    def _rows(self, connection: sa.Connection) -> int:
        position = self._position(connection)
        return 0 if position is None else position.rows

    def _check(self, connection: sa.Connection) -> str:
        """The schema of the collection, in force. Raises `EngineUnsuitable` where it is not there,
        or of another gallery or dimension."""
        schema = self._own_schema(connection)
        there = is_there(connection, f"{schema}.collection")
        if there:
            set_path(connection, schema)
        position = self._position(connection) if there else None
        if position is None:
            raise EngineUnsuitable(NO_TABLE, SYNC)
        self._check_own(position)
        if position.dim != self._dim:
            raise EngineUnsuitable(
                f"The descriptors in pgvector have {position.dim:,} numbers, those of this space "
                f"{self._dim:,}.",
                "Run `gestalt index engine remove pgvector`, and add it again.",
            )
        return schema

    def _check_own(self, position: EnginePosition) -> None:
        if position.gallery != self._gallery:
            raise of_another_gallery(self.name)

    def _own_schema(self, connection: sa.Connection) -> str:
        if self._schema is None:
            self._schema = schema_of(connection)
        return self._schema

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection | None]:
        """A transaction; None where nothing was ever made."""
        with mapped_errors(), self._server.transaction() as connection:
            schema = self._own_schema(connection)
            if not is_there(connection, f"{schema}.collection"):
                yield None
            else:
                set_path(connection, schema)
                yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction on the collection. Raises `EngineUnsuitable` where it is not there."""
        with mapped_errors(), self._server.transaction() as connection:
            self._check(connection)
            yield connection


def _require_package() -> None:
    try:
        import pgvector  # noqa: F401
    except ImportError as error:
        raise not_installed() from error


def _parts_of(dim: int) -> list[int]:
    """The lengths of the parts of a descriptor: as few as may be, and as equal."""
    count = -(-dim // MOST_NUMBERS)
    return [dim // count + (number < dim % count) for number in range(count)]


def _text(vector: NDArray[np.float32]) -> str:
    return f"[{','.join(map(str, vector.astype(np.float16).tolist()))}]"


def _known(age: float) -> float | None:
    return None if np.isnan(age) else age


def _widen(connection: sa.Connection, count: int, looked: int) -> None:
    """Let searches of a transaction take so many rows from a graph, to keep some of them."""
    least, most = BREADTHS
    settings = {
        "hnsw.ef_search": min(most, max(least, looked)),
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": max(20_000, 4 * looked, LOOKED_AT * count),
        "hnsw.scan_mem_multiplier": 64,
        "jit": "off",
    }
    calls = ", ".join(f"set_config('{name}', '{to}', true)" for name, to in settings.items())
    connection.exec_driver_sql(f"SELECT {calls}")


def _take_lock(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext(:n))"), {"n": name})


def _write_anew(connection: sa.Connection, table: str) -> None:
    """Without the rows that were deleted. Raises `EngineError` where an older transaction may still
    see them."""
    left = 0

    def note(diagnostic: Any) -> None:
        nonlocal left
        # "0 dead row versions cannot be removed yet", in the language of the server.
        if number := re.match(r"\D*(\d+)", diagnostic.message_detail or ""):
            left += int(number[1])

    driver: Any = connection.connection.driver_connection
    driver.add_notice_handler(note)
    try:
        connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE, VERBOSE) {table}")
    finally:
        driver.remove_notice_handler(note)
    if left:
        raise EngineError(
            f"{left:,} deleted rows are still in pgvector's table: an older transaction may still "
            "see them.",
            _AGAIN,
        )
