"""The migrations: up and down with rows, whole or not at all, one process at a time."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gestalt_space.errors import DatabaseError
from gestalt_space.store import reads, removals, tail
from gestalt_space.store import tables as t
from gestalt_space.store.accounts import add_token, add_user, begin_login
from gestalt_space.store.audit import record_event
from gestalt_space.store.calibrations import StoredCalibration, save_calibration
from gestalt_space.store.connecting import make_engine, where
from gestalt_space.store.engine import Database
from gestalt_space.store.homes import record_generation, register_home
from gestalt_space.store.migrating import (
    REVISION,
    Upgraded,
    database_revision,
    migrating,
    upgrade_database,
)
from gestalt_space.store.runs import add_run
from gestalt_space.store.sqlite import make_file
from gestalt_space.store.tables import Base
from gestalt_space.types import Disorder, EncodingRun
from tests import databases
from tests.galleries import new_job, new_photo
from tests.processes import Process
from tests.store.conftest import Store


def test_the_code_s_revision_is_the_newest_migration(alembic: Config) -> None:
    assert ScriptDirectory.from_config(alembic).get_current_head() == REVISION


def test_the_migrations_make_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def _check(constraint: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Its name and values: a server tells it in other words."""
    return constraint["name"], re.findall("'([^']*)'", constraint["sqltext"])


def table_texts(engine: sa.Engine) -> dict[str, list[str]]:
    """Columns, constraints and indexes of each table, in an order of their own."""
    found = {}
    for name in sa.inspect(engine).get_table_names():
        inspector = sa.inspect(engine)
        parts = (
            *inspector.get_columns(name),
            # SQLite does not tell the name of one that came with a column of its own.
            *({**key, "name": None} for key in inspector.get_foreign_keys(name)),
            *inspector.get_unique_constraints(name),
            *(_check(key) for key in inspector.get_check_constraints(name)),
            *inspector.get_indexes(name),
            inspector.get_pk_constraint(name),
        )
        found[name] = sorted(str(part) for part in parts)
    return found


def test_constraints_and_cascades_are_the_same_as_well(database: Database, tmp_path: Path) -> None:
    direct = make_engine(databases.address_of(tmp_path / "direct", empty=True))
    if direct.dialect.name == "sqlite":
        make_file(databases.file_of(tmp_path / "direct"))
    Base.metadata.create_all(direct)
    migrated = table_texts(database.engine)
    migrated.pop("alembic_version")
    assert migrated == table_texts(direct)
    direct.dispose()


@pytest.mark.sqlite_only("a server's counters never go back")
def test_keys_are_never_given_twice(database: Database) -> None:
    with database.reading() as session:
        text = session.scalars(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table'"))
        kept = {line.split()[2].strip('"') for line in text if "AUTOINCREMENT" in line}
    assert kept == {
        *("patient", "photo", "face", "descriptor"),
        *("purge", "audit_event", "erasure", "crop_object"),
        *("service_user", "api_token"),
    }


def migrate(database: Database, alembic: Config, revision: str) -> None:
    """Down or up to a revision."""
    step = command.upgrade if revision == "head" else command.downgrade
    with migrating(database.engine) as connection:
        alembic.attributes["connection"] = connection
        step(alembic, revision)


Rows = dict[str, list[Any]]
EMPTIED = {"generation"}
"""What migrations leave empty on purpose: the index on disk is made anew."""
FORGOTTEN = {("audit_event", "detail")}
"""What they do not keep on purpose on the way down: it may tell of patients."""


def all_rows(engine: sa.Engine) -> Rows:
    """All that is in the database, as it is now."""
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for name, table in tables.tables.items()
            if name != "alembic_version"
        }


def common(one: Rows, other: Rows) -> tuple[Rows, Rows]:
    """What two have in tables and columns that both have, in one order."""

    def of(rows: Rows, also: Rows) -> Rows:
        found = {}
        for name in rows.keys() & also.keys() - EMPTIED:
            every = [set(row) for row in (*rows[name], *also[name])]
            columns = set.intersection(*every) if every else set()
            kept = sorted(key for key in columns if (name, key) not in FORGOTTEN)
            found[name] = sorted(([(key, row[key]) for key in kept] for row in rows[name]), key=str)
        return found

    return of(one, other), of(other, one)


def fill_all_tables(database: Database, store: Store) -> None:
    store(
        new_photo("P0", 0, disorders=(Disorder("A", "x"), Disorder("B")), genes=("G",), family="F"),
        new_photo("P1", 1, hpo=("HP:0000001",), age=3.0, site="Bonn", sex="male"),
        new_photo("P2", 2),
    )
    with database.writing() as session:
        removals.remove_patients(session, ["P2"])
        space = reads.spaces(session)[0]
        save_calibration(session, space, StoredCalibration("{}", 1, 2, 3))
        run = add_run(session, EncodingRun("float32", "cpu", "numpy", "1"))
        session.execute(sa.update(t.Descriptor).values(run_id=run))
        register_home(session, "h" * 36, "machine:/home")
        record_generation(session, "h" * 36, space.id, sequence=1, digest="d" * 64)
        record_event(session, "something", detail={"photos": 3})
        session.add(t.Erasure(actor="me", plan={"patients": 1}))
        face = session.scalars(sa.select(t.Face.id)).first()
        add_user(session, "anna", "admin", None)
        add_token(session, "anna", "pipeline", "e" * 64, timedelta(days=1))
        begin_login(session, "anna", "f" * 64, timedelta(hours=1))
        session.add(new_job())
        session.flush()
        session.add(t.JobFile(job_id="j" * 32, name="map.svg", content=b"x"))
        session.add(t.CropPlace(id=1, url="file:///crops/1"))
        session.flush()
        told = {"name": "ab/ab", "key_id": "0" * 16, "bytes": 1, "sha256": "a" * 64}
        session.add(t.CropObject(place_id=1, face_id=face, **told))
        session.add(t.Withheld(face_id=face, space_id=space.id, vector=b"v" * 64, run_id=run))


EARLIER = [f"{number:04}" for number in range(1, int(REVISION))]


@pytest.mark.parametrize("revision", EARLIER)
def test_down_to_a_revision_and_up_again_keeps_every_row(
    revision: str, database: Database, store: Store, alembic: Config
) -> None:
    fill_all_tables(database, store)
    newest = all_rows(database.engine)
    assert [name for name, rows in newest.items() if not rows] == []
    migrate(database, alembic, revision)
    assert database_revision(database.engine.url.render_as_string(hide_password=False)) == revision
    older = all_rows(database.engine)
    kept, was = common(older, newest)
    assert kept == was
    migrate(database, alembic, "head")
    kept, was = common(all_rows(database.engine), older)
    assert kept == was
    assert database.problems() == []
    assert database.revision() == REVISION
    store(new_photo("P3", 3))
    with database.reading() as session:
        assert max(session.scalars(sa.select(t.Photo.id))) >= 4, "keys were given twice"
        assert reads.counts(session).photos == 3
    with pytest.raises(DatabaseError, match=r"(?i)foreign key"), database.writing() as session:
        session.execute(sa.insert(t.Crop).values(face_id=99, png=b"x"))


def test_an_earlier_version_does_not_let_other_hospitals_in(
    database: Database, alembic: Config
) -> None:
    """It would take them for people. Who has another role keeps the tokens."""
    with database.writing() as session:
        for place, (name, role) in enumerate((("anna", "admin"), ("hospital-b", "site"))):
            add_user(session, name, role, None)  # type: ignore[arg-type]
            add_token(session, name, "", str(place) * 64, timedelta(days=1))
            begin_login(session, name, str(place + 5) * 64, timedelta(hours=1))
    migrate(database, alembic, "0011")
    rows = all_rows(database.engine)
    assert [row["name"] for row in rows["service_user"]] == ["anna"]
    assert [row["digest"] for row in rows["api_token"]] == ["0" * 64]
    assert [row["digest"] for row in rows["login_session"]] == ["5" * 64]
    migrate(database, alembic, "head")
    with database.writing() as session:
        assert add_user(session, "hospital-b", "site", None).id == 3, "keys are never given twice"
    with pytest.raises(DatabaseError), database.writing() as session:
        add_user(session, "x", "owner", None)  # type: ignore[arg-type]


def test_down_to_nothing_and_up_again(database: Database, store: Store, alembic: Config) -> None:
    fill_all_tables(database, store)
    migrate(database, alembic, "base")
    assert all_rows(database.engine) == {}
    migrate(database, alembic, "head")
    assert database.revision() == REVISION
    with database.reading() as session:
        assert reads.counts(session).photos == 0
        assert tail.read_mark(session, None).sequence == 0


STOP = """
import sqlalchemy as sa
from sqlalchemy import event
from gestalt_space.store import connecting, migrating

address, place = sys.argv[1:]
CHANGES = ("ALTER", "CREATE", "DROP", "UPDATE", "DELETE", "INSERT")
done = 0

def at(statement):
    global done
    done += statement.lstrip().startswith(CHANGES)
    if done == int(place):
        done += 1
        stop(statement)

@event.listens_for(sa.Engine, "before_cursor_execute")
def _changes(connection, cursor, statement, *_):
    at(statement)

@event.listens_for(sa.Engine, "commit")
def _commits(connection):
    if place == "-1":
        stop("commit")

migrating.upgrade_database(address)
say(done)
"""
"""An upgrade that stops before a change of that number, or before it is kept, for -1."""


def address_of(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


@pytest.mark.parametrize("place", [1, 9, 25, -1])
def test_a_kill_in_the_middle_of_an_upgrade_leaves_all_as_it_was(
    place: int, database: Database, store: Store, alembic: Config
) -> None:
    fill_all_tables(database, store)
    migrate(database, alembic, "0001")
    before = all_rows(database.engine)
    address = address_of(database)
    database.engine.dispose()
    with Process(STOP, address, place) as upgrading:
        assert isinstance(upgrading.heard(), str)
        upgrading.kill()
    assert database_revision(address) == "0001"
    assert all_rows(database.engine) == before
    assert database.problems() == []
    upgrade_database(address)
    assert database.revision() == REVISION
    assert [*common(all_rows(database.engine), before)] == [*common(before, before)]


def test_of_two_who_upgrade_at_once_the_second_finds_it_done(
    database: Database, store: Store, alembic: Config
) -> None:
    fill_all_tables(database, store)
    migrate(database, alembic, "0001")
    address = address_of(database)
    database.engine.dispose()
    done: list[Upgraded] = []
    with Process(STOP, address, 9) as first:
        assert isinstance(first.heard(), str)
        second = threading.Thread(target=lambda: done.append(upgrade_database(address)))
        second.start()
        second.join(0.3)
        assert done == []
        first.tell()
        assert first.heard() > 9
        assert first.ended() == 0
        second.join(60)
    assert [one.notes for one in done] == [()]
    assert database.revision() == REVISION
    with database.reading() as session:
        assert reads.counts(session).photos == 2


def go_back(database: Database, alembic: Config) -> None:
    """To the migration before photos of several patients."""
    migrate(database, alembic, "0003")


def test_a_photo_of_two_patients_cannot_go_back(
    database: Database, store: Store, alembic: Config
) -> None:
    store(new_photo("P0", 0, sha256="a" * 64), new_photo("P1", 1, sha256="a" * 64, place=1))
    with pytest.raises(sa.exc.IntegrityError):
        go_back(database, alembic)
    with database.reading() as session:
        assert reads.counts(session).photos == 2
    assert database.revision() == REVISION


@pytest.mark.sqlite_only("tables are made anew")
def test_a_migration_that_would_delete_faces_refuses(
    database: Database, store: Store, alembic: Config
) -> None:
    store(new_photo("P0", 0))
    write = database.engine.execution_options(gestalt_write=True)
    with write.begin() as connection:
        alembic.attributes["connection"] = connection
        with pytest.raises(RuntimeError, match="gestalt db upgrade"):
            command.downgrade(alembic, "0003")


@pytest.mark.sqlite_only("foreign keys can be off")
def test_a_migration_does_not_commit_rows_that_refer_to_nothing(
    database: Database, store: Store
) -> None:
    store(new_photo("P0", 0))
    with (
        pytest.raises(DatabaseError, match="refer to missing rows"),
        migrating(database.engine) as connection,
    ):
        connection.exec_driver_sql("DELETE FROM patient")
    with database.reading() as session:
        assert reads.counts(session).patients == 1


def test_upgrade_can_be_run_again(database: Database, store: Store) -> None:
    store(new_photo("P0", 0))
    with database.reading() as session:
        before = tail.read_mark(session, None).sequence
    database.upgrade()
    with database.reading() as session:
        assert tail.read_mark(session, None).sequence == before
        assert reads.counts(session).photos == 1


def test_a_migration_that_fails_leaves_nothing_half_made(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    engine = make_engine(empty_url)
    monkeypatch.setattr("alembic.op.execute", broken)
    with pytest.raises(DatabaseError, match="full"):
        upgrade_database(empty_url)
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("found", ["0000", "9999"])
def test_a_database_of_another_version_is_refused(found: str, url: str, database: Database) -> None:
    with database.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": found})
    with pytest.raises(DatabaseError) as caught:
        Database(url)
    assert found in caught.value.message
    assert REVISION in caught.value.message
    assert {"0000": "gestalt db upgrade", "9999": "newer gestalt-space"}[found] in caught.value.hint


def test_upgrading_a_database_of_a_later_version_is_refused(url: str, database: Database) -> None:
    with database.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError):
        upgrade_database(url)


def test_asking_for_the_revision_makes_no_database(empty_url: str, tmp_path: Path) -> None:
    assert database_revision(empty_url) is None
    assert not (tmp_path / "home").exists()
    engine = make_engine(empty_url)
    assert upgrade_database(empty_url) == Upgraded(where(engine), ())
    assert database_revision(empty_url) == REVISION


@pytest.mark.sqlite_only("its lock")
def test_a_database_that_another_is_making_is_waited_for(url: str) -> None:
    file = Path(str(sa.make_url(url).database))
    file.parent.mkdir(parents=True, exist_ok=True)
    maker = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    maker.execute("CREATE TABLE begun (x)")
    maker.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="locked"):
        Database(url, busy_timeout=0.1)
    done = threading.Timer(0.2, lambda: maker.execute("COMMIT"))
    done.start()
    Database(url).close()
    done.join()
    maker.close()


def test_two_openers_of_a_new_home_make_one_database(empty_url: str) -> None:
    failed: list[Exception] = []
    made: list[Database] = []
    ready = threading.Barrier(4)

    def make() -> None:
        ready.wait(10)
        try:
            made.append(Database(empty_url))
        except Exception as error:  # noqa: BLE001 - none may come
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    for database in made:
        assert database.revision() == REVISION
        database.close()
    assert len(made) == 4
