"""What is particular to pgvector: its server, its rights, parts, and rows that are in no graph."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import EngineAway, EngineFull, EngineUnsuitable, UsageError
from gestalt_space.index.engines import pgvector
from gestalt_space.index.engines.contract import CollectionPlace, EngineFilter
from gestalt_space.index.engines.pgvector import PgvectorEngine
from gestalt_space.index.engines.registry import open_engine, parse_engine
from tests.databases import admin
from tests.index.engines.opened import DIM, GALLERY, OTHER_SPACE, SPACE, vector_server
from tests.index.engines.test_contract import some_rows
from tests.servers import Server, find_packaged, find_programs


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with vector_server() as one:
        yield one


@pytest.fixture
def address(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a database of the test's own."""
    name = f"test_{abs(hash(request.node.name))}"
    with admin(server.address).connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.address.replace("/postgres?", f"/{name}?")
    with admin(server.address).connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(address: str) -> Iterator[PgvectorEngine]:
    one = opened(address)
    yield one
    one.close()


def opened(address: str, space: str = SPACE, dim: int = DIM) -> PgvectorEngine:
    return PgvectorEngine(CollectionPlace(address, space, dim, GALLERY))


def ask(address: str, statement: str) -> object:
    with admin(address).connect() as connection:
        found = connection.exec_driver_sql(statement)
        return found.scalar() if found.returns_rows else None


def fill(engine: PgvectorEngine, rng: np.random.Generator, count: int, first: int = 1):
    rows = some_rows(rng, count, first)
    engine.create()
    engine.add(rows)
    engine.settle(first + count, 0)
    return rows


def recall(engine: PgvectorEngine, rows, probes: np.ndarray) -> float:
    shares = []
    for probe in probes:
        true = rows.ids[np.argsort(-(rows.vectors @ probe))[:10]]
        shares.append(np.isin(true, engine.nearest(probe, 100).ids).mean())
    return float(np.mean(shares))


def test_it_is_opened_by_its_name(address: str):
    place = CollectionPlace(address, SPACE, DIM, GALLERY)
    assert isinstance(open_engine(parse_engine("pgvector"), place), PgvectorEngine)
    with pytest.raises(UsageError, match="Unknown search engine"):
        parse_engine("elastic")


def test_a_sqlite_file_is_refused():
    with pytest.raises(UsageError, match="PostgreSQL") as error:
        opened("sqlite:////tmp/gallery.sqlite3")
    assert error.value.hint


def test_a_missing_package_is_named_and_rows_are_taken_out_without_it(
    engine: PgvectorEngine, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    rows = fill(engine, rng, 20)
    monkeypatch.setitem(__import__("sys").modules, "pgvector", None)
    for ask_one in (engine.create, lambda: engine.add(rows)):
        with pytest.raises(UsageError) as error:
            ask_one()
        assert error.value.hint == "pip install 'gestalt-space[pgvector]'"
    engine.remove(rows.ids[:5])
    engine.wipe()
    assert len(engine.ids()) == 15
    engine.drop()
    assert engine.position() is None


def test_the_gallerys_own_schema_has_nothing_of_it(
    address: str, engine: PgvectorEngine, rng: np.random.Generator
):
    fill(engine, rng, 20)
    own = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert ask(address, own) == 0
    assert ask(address, own.replace("public", "gestalt_pgvector")) == 2


def test_rows_that_another_program_deleted_are_counted_again_when_asked(
    address: str, engine: PgvectorEngine, rng: np.random.Generator
):
    rows = fill(engine, rng, 20)
    ask(address, f"DELETE FROM gestalt_pgvector.rows_{SPACE[:16]} WHERE id <= 3")
    engine.add(rows)
    engine.remove(rows.ids[:2])
    engine.settle(30, 1, recount=True)
    position = engine.position()
    assert position is not None
    assert position.rows == len(engine.ids()) == 18


def test_galleries_of_two_schemas_are_apart(address: str, rng: np.random.Generator):
    ask(address, "CREATE SCHEMA clinic")
    here, there = opened(address), opened(f"{address}&options=-csearch_path%3Dclinic")
    fill(here, rng, 20)
    assert there.position() is None
    fill(there, rng, 30)
    assert (len(here.ids()), len(there.ids())) == (20, 30)
    here.drop()
    assert len(there.ids()) == 30
    here.close()
    there.close()


def test_long_descriptors_are_kept_in_parts(
    address: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    assert pgvector._parts_of(512) == [512]
    assert pgvector._parts_of(4_000) == [4_000]
    # Twelve slots of 512 numbers, as those of GestaltMatcher-Arc.
    assert pgvector._parts_of(6_144) == [3_072, 3_072]
    assert pgvector._parts_of(8_001) == [2_667, 2_667, 2_667]
    long = opened(address, OTHER_SPACE, 6_144)
    rows = some_rows(rng, 40, dim=6_144)
    long.create()
    long.add(rows)
    long.settle(40, 0)
    hits = long.nearest(rows.vectors[7], 40)
    order = np.argsort(hits.ids)
    told = hits.similarities[order]
    assert np.abs(told - rows.vectors @ rows.vectors[7]).max() < long.tolerance
    assert ask(address, "SELECT count(*) FROM pg_class WHERE relname ~ 'graph[01]$'") == 2
    long.close()


@pytest.mark.parametrize("parts", [1, 2])
def test_the_graphs_find_the_nearest(
    address: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, parts: int
):
    monkeypatch.setattr(pgvector, "MOST_NUMBERS", DIM // parts)
    engine = opened(address)
    rows = fill(engine, rng, 3_000)
    probes = some_rows(rng, 20).vectors
    assert recall(engine, rows, probes) > 0.9
    among = EngineFilter(patients=np.arange(1, 20), without=np.array([3]))
    found = engine.nearest(probes[0], 50, among).ids
    assert len(found) == 50
    assert set(rows.patients[found - 1]) <= {*range(1, 20)} - {3}
    engine.close()
    scans = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname ~ 'graph'"
    ask(address, "SELECT pg_stat_force_next_flush()")
    assert int(ask(address, scans)) >= 20 * parts  # type: ignore[call-overload]


def test_rows_that_come_later_are_in_no_graph_until_there_are_many(
    address: str, engine: PgvectorEngine, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pgvector, "MOST_FRESH", 50)
    fresh = f"SELECT count(*) FROM gestalt_pgvector.rows_{SPACE[:16]} WHERE fresh"
    fill(engine, rng, 400)
    assert ask(address, fresh) == 0
    later = fill(engine, rng, 40, first=1_000)
    assert ask(address, fresh) == 40
    assert engine.nearest(later.vectors[5], 1).ids.tolist() == [1_005]
    # A tenth of all: they are put into the graph.
    fill(engine, rng, 10, first=2_000)
    assert ask(address, fresh) == 0
    # Most of all: the graph is made anew.
    before = ask(address, "SELECT oid FROM pg_class WHERE relname ~ 'graph0$'")
    last = fill(engine, rng, 600, first=3_000)
    assert ask(address, fresh) == 0
    assert ask(address, "SELECT oid FROM pg_class WHERE relname ~ 'graph0$'") != before
    assert engine.nearest(last.vectors[5], 1).ids.tolist() == [3_005]
    assert len(engine.nearest(last.vectors[5], 2_000).ids) == 1_050


def test_a_server_that_is_down_is_away_and_comes_back(server: Server, rng: np.random.Generator):
    engine = opened(server.address)
    rows = fill(engine, rng, 20)
    server.stop("immediate")
    try:
        for call in (engine.position, engine.ids, lambda: engine.nearest(rows.vectors[0], 1)):
            with pytest.raises(EngineAway) as error:
                call()
            assert error.value.hint
            assert error.value.http_status == 503
    finally:
        server.start()
    assert engine.nearest(rows.vectors[4], 1).ids.tolist() == [5]
    engine.drop()
    engine.close()


def test_a_connection_that_breaks_undoes_what_was_begun(
    address: str, engine: PgvectorEngine, rng: np.random.Generator
):
    fill(engine, rng, 20)
    more = some_rows(rng, 10, first=100)

    def broken() -> None:
        with engine._writing() as connection:
            engine._add(connection, more, slice(0, 10))
            pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
            ask(address, f"SELECT pg_terminate_backend({pid})")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(EngineAway):
        broken()
    assert engine.ids().tolist() == [*range(1, 21)]
    position = engine.position()
    assert position is not None
    assert position.rows == 20
    engine.add(more)
    assert len(engine.ids()) == 30


def test_a_full_disk_is_told_and_nothing_is_half_there(
    address: str, engine: PgvectorEngine, rng: np.random.Generator
):
    fill(engine, rng, 20)
    table = f"gestalt_pgvector.rows_{SPACE[:16]}"
    ask(
        address,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id > 103 "
        "THEN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = "
        "'53100'; END IF; RETURN NEW; END $$",
    )
    ask(
        address,
        f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION "
        "full_disk()",
    )
    with pytest.raises(EngineFull, match="no space left") as error:
        engine.add(some_rows(rng, 10, first=100))
    assert "engine sync" in error.value.hint
    assert error.value.http_status == 507
    assert len(engine.ids()) == 20


def test_a_server_without_pgvector_says_what_to_install(rng: np.random.Generator):
    programs = find_programs()
    if programs is None or programs == find_packaged():
        pytest.skip("needs a server without pgvector, such as Debian's")
    server = Server(programs)
    try:
        engine = opened(server.address)
        assert engine.position() is None
        with pytest.raises(EngineUnsuitable, match="does not have the extension") as error:
            engine.create()
        assert "CREATE EXTENSION vector" in error.value.hint
        engine.close()
    finally:
        server.remove()


def test_an_old_pgvector_says_how_to_update(address: str, engine: PgvectorEngine):
    ask(address, "CREATE EXTENSION vector")
    ask(address, "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    with pytest.raises(EngineUnsuitable, match=r"pgvector 0\.7\.4; version 0\.8") as error:
        engine.create()
    assert "ALTER EXTENSION vector UPDATE" in error.value.hint


def test_a_role_without_rights_is_told_which(
    address: str, server: Server, engine: PgvectorEngine, rng: np.random.Generator
):
    ask(address, "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN OTHERS THEN END $$")
    owner = address.split("//")[1].split("@")[0]
    reader = opened(address.replace(f"//{owner}@", "//reader@"))
    with pytest.raises(EngineUnsuitable) as error:
        reader.create()
    assert "administrator" in error.value.hint or "owner" in error.value.hint
    rows = fill(engine, rng, 20)
    with pytest.raises(EngineUnsuitable, match="schema gestalt_pgvector") as error:
        reader.create()
    assert "fill it as that role" in error.value.hint
    with pytest.raises(EngineUnsuitable) as error:
        reader.nearest(rows.vectors[0], 1)
    assert "GRANT USAGE ON SCHEMA gestalt_pgvector" in error.value.hint
    ask(address, "GRANT USAGE ON SCHEMA gestalt_pgvector TO reader")
    ask(address, "GRANT SELECT ON ALL TABLES IN SCHEMA gestalt_pgvector TO reader")
    assert reader.nearest(rows.vectors[3], 1).ids.tolist() == [4]
    with pytest.raises(EngineUnsuitable):
        reader.remove(np.array([1]))
    reader.close()


def test_a_wipe_leaves_nothing_in_the_servers_files(
    address: str, server: Server, engine: PgvectorEngine, rng: np.random.Generator
):
    rows = fill(engine, rng, 200)
    gone = np.arange(1, 101)
    pieces = [half.tobytes() for half in rows.vectors[:100].astype(np.float16)]
    ask(address, "CHECKPOINT")
    assert _found(server, address, pieces) > 50
    engine.remove(gone)
    engine.wipe()
    ask(address, "CHECKPOINT")
    assert _found(server, address, pieces) == 0
    assert engine.nearest(rows.vectors[150], 1).ids.tolist() == [151]


def _found(server: Server, address: str, pieces: list[bytes]) -> int:
    """How many of some vectors stand in the files of the tables."""
    query = (
        "SELECT pg_relation_filepath(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = "
        "c.relnamespace WHERE nspname = 'gestalt_pgvector' AND relkind IN ('r', 'i')"
    )
    with admin(address).connect() as connection:
        files = connection.exec_driver_sql(query).scalars().all()
    data = b"".join((server.folder / "data" / file).read_bytes() for file in files)
    return sum(piece in data for piece in pieces)


def connections(address: str) -> int:
    """How many the server has of engines, in this database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gestalt'"
    return int(str(ask(address, f"{query} AND datname = current_database()")))


def test_a_closed_engine_is_not_opened_again(address: str, engine: PgvectorEngine):
    assert engine.position() is None
    assert connections(address) == 1
    engine.close()
    for call in (engine.position, engine.create, engine.wipe, engine.ids, engine.drop):
        with pytest.raises(EngineAway, match="closed"):
            call()
    assert gone(address)


def test_an_engine_that_is_closed_during_a_search_answers_and_leaves_no_connection(
    address: str, engine: PgvectorEngine, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    rows = fill(engine, rng, 20)
    begin = pgvector._widen

    def closed(*given: Any) -> None:
        engine.close()
        begin(*given)

    monkeypatch.setattr(pgvector, "_widen", closed)
    assert engine.nearest(rows.vectors[3], 1).ids.tolist() == [4]
    assert gone(address)


def gone(address: str) -> bool:
    """Whether the server has no connection any more, at once or a little later."""
    until = monotonic() + 5
    while connections(address):
        if monotonic() > until:
            return False
        sleep(0.02)
    return True
