"""The database's settings, its migrations, and what becomes of its errors."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gestalt_space.errors import DatabaseError, GalleryMissing
from gestalt_space.store import engine, reads, removals, tail
from gestalt_space.store.audit import record_event
from gestalt_space.store.engine import (
    REVISION,
    Database,
    Upgraded,
    database_revision,
    make_engine,
    migrating,
    upgrade_database,
)
from gestalt_space.store.sqlite import make_file
from gestalt_space.store.tables import Base
from gestalt_space.types import Disorder
from tests.galleries import new_photo
from tests.store.conftest import Store


@pytest.fixture
def alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("gestalt_space.migrations")))
    return config


@pytest.fixture
def other(url: str, database: Database) -> Iterator[sqlite3.Connection]:
    """Another process, as far as SQLite can tell."""
    path = sa.make_url(url).database
    assert path is not None
    connection = sqlite3.connect(path, timeout=0.1, isolation_level=None)
    yield connection
    connection.close()


def pragma(database: Database, name: str) -> object:
    with database.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_every_connection_has_the_settings_that_safety_rests_on(database: Database) -> None:
    with database.engine.connect() as one, database.engine.connect() as two:
        for connection in (one, two):
            for name, wanted in (
                ("journal_mode", "wal"),
                ("foreign_keys", 1),
                ("secure_delete", 1),
            ):
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == wanted
    assert pragma(database, "busy_timeout") == 5000


def test_foreign_keys_are_in_force(database: Database) -> None:
    with pytest.raises(DatabaseError, match="FOREIGN KEY"), database.writing() as session:
        session.execute(sa.text("INSERT INTO crop (face_id, png) VALUES (99, x'00')"))


def test_deleted_rows_are_overwritten_in_the_file(database: Database, url: str) -> None:
    with database.writing() as session:
        record_event(session, "THE-NEEDLE " * 20)
    database.truncate_log()
    path = Path(str(sa.make_url(url).database))
    assert b"THE-NEEDLE" in path.read_bytes()
    with database.writing() as session:
        session.execute(sa.text("DELETE FROM audit_event"))
    database.truncate_log()
    assert b"THE-NEEDLE" not in path.read_bytes()


def test_truncating_empties_the_write_ahead_log(database: Database, url: str) -> None:
    with database.writing() as session:
        record_event(session, "something")
    log = Path(f"{sa.make_url(url).database}-wal")
    assert log.stat().st_size > 0
    database.truncate_log()
    assert log.stat().st_size == 0


def test_who_empties_the_log_waits_for_another_who_does(
    database: Database, url: str, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite waits for readers, but refuses a second one at once."""
    with database.writing() as session:
        record_event(session, "one")
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM audit_event").fetchone()
    with database.writing() as session:
        record_event(session, "two")  # in the log, which the reader holds up
    errors: list[DatabaseError] = []

    def empty() -> None:
        patient = Database(url, busy_timeout=60)
        try:
            patient.truncate_log()
        except DatabaseError as error:
            errors.append(error)
        patient.close()

    one, two = threading.Thread(target=empty), threading.Thread(target=empty)
    one.start()
    with closing(sqlite3.connect(str(sa.make_url(url).database), timeout=0)) as watch:
        while not watch.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0]:
            assert one.is_alive(), "it waits for the reader"
    tried = threading.Event()
    monkeypatch.setattr(engine, "sleep", lambda seconds: (tried.set(), time.sleep(seconds)))
    two.start()
    while two.is_alive() and not tried.wait(0.02):
        pass
    other.execute("ROLLBACK")
    one.join(60)
    two.join(60)
    assert errors == []


def test_a_setting_that_sqlite_does_not_take_is_refused(tmp_path: Path) -> None:
    # A database in memory has no write-ahead log.
    with pytest.raises(DatabaseError, match="journal_mode") as caught:
        Database("sqlite:///:memory:")
    assert "local disk" in caught.value.hint


def test_a_writer_that_waits_in_vain_is_told_who_writes(url: str, database: Database) -> None:
    impatient = Database(url, busy_timeout=0.1)
    with database.writing() as session:
        record_event(session, "first")
        for _ in range(2):
            with pytest.raises(DatabaseError) as caught, impatient.writing() as waiting:
                tail.read_mark(waiting, None)
            assert f"process {os.getpid()} on " in caught.value.message
            assert "still runs, writes to it" in caught.value.message
            assert "rebuild" not in caught.value.hint
    assert not list(Path(str(database.engine.url.database)).parent.glob("*-writer"))
    impatient.close()


def test_a_second_writer_waits_for_the_first(database: Database, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: None)
    order: list[str] = []

    def write() -> None:
        with database.writing() as session:
            tail.read_mark(session, None)
            order.append("second")
            record_event(session, "second")

    waiting = threading.Thread(target=write)
    waiting.start()
    release.start()
    release.join()
    order.append("first")
    other.execute("COMMIT")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_writer_that_waited_long_enough_says_that_another_writes(
    url: str, other: sqlite3.Connection
) -> None:
    impatient = Database(url, busy_timeout=0.2)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(DatabaseError, match="locked") as caught, impatient.writing() as session:
        tail.read_mark(session, None)
    assert time.monotonic() - began >= 0.2
    assert "which one is not known" in caught.value.message
    assert "GESTALT_BUSY_TIMEOUT" in caught.value.hint
    other.execute("ROLLBACK")
    with impatient.writing() as session:
        record_event(session, "free again")
    impatient.close()


def test_a_reader_does_not_wait_for_a_writer(database: Database, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE change SET sequence = 7")
    with database.reading() as session:
        assert tail.read_mark(session, None).sequence == 0
    other.execute("ROLLBACK")


def test_a_reader_sees_one_state(database: Database, other: sqlite3.Connection) -> None:
    with database.reading() as session:
        before = tail.read_mark(session, None).sequence
        other.execute("UPDATE change SET sequence = 7")
        assert tail.read_mark(session, None).sequence == before
    with database.reading() as session:
        assert tail.read_mark(session, None).sequence == 7


def test_an_error_in_a_unit_of_work_undoes_all_of_it(database: Database) -> None:
    def half_done() -> None:
        with database.writing() as session:
            record_event(session, "half")
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    with database.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM audit_event")) == 0


def test_a_full_disk_is_told_and_undone(database: Database, store: Store) -> None:
    store(new_photo("P0", 0))

    def fill_the_disk() -> None:
        with database.writing() as session:
            pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar()
            session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            record_event(session, "x" * 100_000)

    with pytest.raises(DatabaseError, match="full") as caught:
        fill_the_disk()
    assert "Free some space" in caught.value.hint
    with database.reading() as session:
        assert reads.counts(session).photos == 1


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError) as caught:
        Database(f"sqlite:///{tmp_path / 'file' / 'home' / 'gallery.sqlite3'}")
    assert "--home" in caught.value.hint


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_home_that_may_not_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DatabaseError) as caught:
            Database(f"sqlite:///{tmp_path / 'gallery.sqlite3'}")
        assert caught.value.hint
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_in_the_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gallery.sqlite3").mkdir()
    with pytest.raises(DatabaseError, match="unable to open") as caught:
        Database(f"sqlite:///{tmp_path / 'gallery.sqlite3'}")
    assert "permissions" in caught.value.hint


def test_the_home_is_for_its_owner_alone(database: Database, tmp_path: Path) -> None:
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", [b"this is no database " * 500, b"SQLite format 3\0" + b"\0" * 84])
def test_a_file_that_is_no_database_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite3"
    path.write_bytes(text)
    with pytest.raises(DatabaseError) as caught:
        Database(f"sqlite:///{path}")
    assert caught.value.hint
    assert path.read_bytes()[: len(text)][:16] == text[:16]


def test_a_damaged_page_is_told_when_it_is_read(url: str) -> None:
    database = Database(url)
    with database.writing() as session:
        for n in range(200):
            record_event(session, f"event {n} " * 20)
    database.truncate_log()
    database.close()
    path = Path(str(sa.make_url(url).database))
    data = bytearray(path.read_bytes())
    # The last pages are the events' own; the first ones would be the tables' definitions.
    data[-3 * 4096 :] = bytes(3 * 4096)
    path.write_bytes(data)
    damaged = Database(url)
    try:
        found = damaged.problems()
    except DatabaseError as error:
        found = [error.message]
    assert found
    with pytest.raises(DatabaseError, match="malformed"), damaged.reading() as session:
        session.execute(sa.text("SELECT * FROM audit_event")).all()
    damaged.close()


def test_a_sound_database_has_no_problems(database: Database, store: Store) -> None:
    store(new_photo("P0", 0))
    assert database.problems() == []


# Migrations


def test_the_code_s_revision_is_the_newest_migration(alembic: Config) -> None:
    assert ScriptDirectory.from_config(alembic).get_current_head() == REVISION


def test_the_migrations_make_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


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
            *inspector.get_check_constraints(name),
            *inspector.get_indexes(name),
            inspector.get_pk_constraint(name),
        )
        found[name] = sorted(str(part) for part in parts)
    return found


def test_constraints_and_cascades_are_the_same_as_well(database: Database, tmp_path: Path) -> None:
    make_file(tmp_path / "direct.sqlite3")
    direct = make_engine(tmp_path / "direct.sqlite3")
    Base.metadata.create_all(direct)
    migrated = table_texts(database.engine)
    migrated.pop("alembic_version")
    assert migrated == table_texts(direct)
    direct.dispose()


def test_keys_are_never_given_twice(database: Database) -> None:
    with database.reading() as session:
        text = session.scalars(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table'"))
        kept = {line.split()[2].strip('"') for line in text if "AUTOINCREMENT" in line}
    assert kept == {
        *("patient", "photo", "face", "descriptor"),
        *("purge", "audit_event", "erasure"),
    }


def test_down_and_up_again_with_rows(database: Database, store: Store, alembic: Config) -> None:
    store(
        new_photo("P0", 0, disorders=(Disorder("A"), Disorder("B")), genes=("G",)),
        new_photo("P0", 1, hpo=("HP:0000001",)),
    )
    for step in (command.downgrade, command.upgrade):
        with migrating(database.engine) as connection:
            alembic.attributes["connection"] = connection
            step(alembic, "base" if step is command.downgrade else "head")
    assert database.revision() == REVISION
    with database.reading() as session:
        assert reads.counts(session).photos == 0
        assert tail.read_mark(session, None).sequence == 0


LATER = {"patient.family", "photo.site", "patient.sequence", "photo.sequence", "change.epoch"}
LATER |= {"patient.likeness", "disorder.likeness"}
LATER |= {"change.events", "change.event_chain"}
"""Columns of later migrations."""
LATER_TABLES = {"purge", "home", "generation", "withheld", "pseudonym", "erasure"}
LATER_TABLES |= {"audit_event", "audit_subject"}
"""Tables that they make, or make anew."""


def test_a_table_that_is_made_anew_keeps_what_refers_to_it(
    database: Database, store: Store, alembic: Config
) -> None:
    def everything() -> dict[str, list[object]]:
        with database.engine.connect() as connection:
            # Without what the migrations in between took away.
            columns = {
                name: [column for column in table.columns if str(column) not in LATER]
                for name, table in Base.metadata.tables.items()
                if name not in LATER_TABLES
            }
            return {
                name: sorted(connection.execute(sa.select(*of)).all(), key=repr)
                for name, of in columns.items()
            }

    store(
        new_photo("P0", 0, disorders=(Disorder("A"),), genes=("G",), hpo=("HP:0000001",)),
        new_photo("P1", 1),
        new_photo("P2", 2),
    )
    with database.writing() as session:
        removals.remove_patients(session, ["P2"])
    before = everything()
    for step, revision in ((command.downgrade, "0003"), (command.upgrade, "head")):
        with migrating(database.engine) as connection:
            alembic.attributes["connection"] = connection
            step(alembic, revision)
        assert everything() == before
    assert all(before[name] for name in ("photo", "face", "crop", "descriptor", "removal"))
    assert pragma(database, "foreign_keys") == 1
    assert database.problems() == []
    store(new_photo("P3", 3))
    with database.reading() as session:
        assert max(session.scalars(sa.text("SELECT id FROM photo"))) == 4, "keys were given twice"


def go_back(database: Database, alembic: Config) -> None:
    """To the migration before photos of several patients."""
    with migrating(database.engine) as connection:
        alembic.attributes["connection"] = connection
        command.downgrade(alembic, "0003")


def test_a_photo_of_two_patients_cannot_go_back(
    database: Database, store: Store, alembic: Config
) -> None:
    store(new_photo("P0", 0, sha256="a" * 64), new_photo("P1", 1, sha256="a" * 64, place=1))
    with pytest.raises(sa.exc.IntegrityError):
        go_back(database, alembic)
    with database.reading() as session:
        assert reads.counts(session).photos == 2
    assert database.revision() == REVISION


def test_a_migration_that_would_delete_faces_refuses(
    database: Database, store: Store, alembic: Config
) -> None:
    store(new_photo("P0", 0))
    write = database.engine.execution_options(gestalt_write=True)
    with write.begin() as connection:
        alembic.attributes["connection"] = connection
        with pytest.raises(RuntimeError, match="gestalt db upgrade"):
            command.downgrade(alembic, "0003")


def test_a_migration_does_not_commit_rows_that_refer_to_nothing(
    database: Database, store: Store
) -> None:
    store(new_photo("P0", 0))
    with (
        pytest.raises(DatabaseError, match="refer to others"),
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
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))

    engine = make_engine(url)
    monkeypatch.setattr("alembic.op.execute", broken)
    with pytest.raises(DatabaseError, match="full"):
        upgrade_database(url)
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
    assert "gestalt db upgrade" in caught.value.hint


def test_upgrading_a_database_of_a_later_version_is_refused(url: str, database: Database) -> None:
    with database.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError):
        upgrade_database(url)


@pytest.mark.parametrize("at_hand", [False, True], ids=["no file", "an empty file"])
def test_what_reads_makes_no_database(at_hand: bool, url: str, tmp_path: Path) -> None:
    file = tmp_path / "home" / "gallery.sqlite3"
    if at_hand:
        make_file(file)
    database = Database(url, create=False)
    assert not database.exists()
    for unit_of_work in (database.reading, database.writing):
        with pytest.raises(GalleryMissing) as caught, unit_of_work():
            pass
        assert str(tmp_path / "home") in caught.value.message
        assert "gestalt index add" in caught.value.hint
    assert [path.name for path in tmp_path.rglob("*")] == ["home", file.name] * at_hand
    database.make()
    assert database.exists()
    database.close()


def test_asking_for_the_revision_makes_no_database(url: str, tmp_path: Path) -> None:
    assert database_revision(url) is None
    assert not (tmp_path / "home").exists()
    assert upgrade_database(url) == Upgraded(str(sa.make_url(url).database), ())
    assert database_revision(url) == REVISION


def test_passwords_are_not_shown() -> None:
    engine = sa.create_engine("sqlite://")
    engine.url = sa.make_url("postgresql://user:secret@host/name")
    from gestalt_space.store.engine import mapped_errors

    with pytest.raises(DatabaseError) as caught, mapped_errors(engine):
        raise sa.exc.OperationalError("SELECT", {}, Exception("connection refused"))
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/name"])
@pytest.mark.parametrize("ask", [Database, database_revision, upgrade_database])
def test_an_address_that_is_none_is_refused(ask: type, url: str) -> None:
    with pytest.raises(DatabaseError):
        ask(url)


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


def test_two_openers_of_a_new_home_make_one_database(url: str) -> None:
    failed: list[Exception] = []
    made: list[Database] = []
    ready = threading.Barrier(4)

    def make() -> None:
        ready.wait(10)
        try:
            made.append(Database(url))
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
