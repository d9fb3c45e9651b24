"""The database's settings, its migrations, and what becomes of its errors."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from gestalt_space.errors import DatabaseError, GalleryMissing
from gestalt_space.store import reads, sqlite, tail
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.connecting import mapped_errors
from gestalt_space.store.engine import Database
from gestalt_space.store.migrating import (
    database_revision,
    upgrade_database,
)
from gestalt_space.store.sequence import count_changes
from gestalt_space.store.sqlite import make_file
from tests.galleries import new_photo
from tests.store.conftest import Store


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


@pytest.mark.sqlite_only("its pragmas")
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
    with pytest.raises(DatabaseError, match=r"(?i)foreign key"), database.writing() as session:
        session.execute(sa.insert(t.Crop).values(face_id=99, png=b"x"))


@pytest.mark.sqlite_only("its secure_delete")
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


@pytest.mark.sqlite_only("its log")
def test_truncating_empties_the_write_ahead_log(database: Database, url: str) -> None:
    with database.writing() as session:
        record_event(session, "something")
    log = Path(f"{sa.make_url(url).database}-wal")
    assert log.stat().st_size > 0
    database.truncate_log()
    assert log.stat().st_size == 0


@pytest.mark.sqlite_only("its log")
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
    monkeypatch.setattr(sqlite, "sleep", lambda seconds: (tried.set(), time.sleep(seconds)))
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


@pytest.fixture
def second(url: str, database: Database) -> Iterator[Database]:
    """The same database in another process, as far as it can tell; it waits for nobody."""
    opened = Database(url, busy_timeout=0.2)
    yield opened
    opened.close()


@pytest.mark.sqlite_only("notes beside its file")
def test_a_writer_that_waits_in_vain_is_told_who_writes(
    database: Database, second: Database
) -> None:
    with database.writing() as session:
        record_event(session, "first")
        for _ in range(2):
            with pytest.raises(DatabaseError) as caught, second.writing() as waiting:
                tail.read_mark(waiting, None)
            assert f"process {os.getpid()} on " in caught.value.message
            assert "which is still running" in caught.value.message
            assert "rebuild" not in caught.value.hint
    assert not list(Path(str(database.engine.url.database)).parent.glob("*-writer"))


@pytest.mark.sqlite_only("no other program leaves a note")
def test_a_writer_that_is_not_known_is_not_named(
    second: Database, other: sqlite3.Connection
) -> None:
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="unknown process"), second.writing() as waiting:
        tail.read_mark(waiting, None)
    other.execute("ROLLBACK")


def test_a_second_writer_waits_for_the_first(database: Database, second: Database) -> None:
    order: list[str] = []

    def write() -> None:
        with database.writing() as session:
            tail.read_mark(session, None)
            order.append("second")
            record_event(session, "second")

    waiting = threading.Thread(target=write)
    with second.writing() as session:
        record_event(session, "first")
        session.flush()
        waiting.start()
        waiting.join(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_writer_sees_what_the_one_before_it_did(database: Database, second: Database) -> None:
    """Also one that began to wait before that was there."""
    seen: list[int] = []

    def write() -> None:
        with database.writing() as session:
            seen.append(tail.read_mark(session, None).sequence)

    waiting = threading.Thread(target=write)
    with second.writing() as session:
        assert list(count_changes(session, 3)) == [1, 2, 3]
        waiting.start()
        waiting.join(0.3)
    waiting.join(10)
    assert seen == [3]


def test_a_writer_that_waited_long_enough_says_that_another_writes(
    database: Database, second: Database
) -> None:
    with database.writing() as session:
        tail.read_mark(session, None)
        began = time.monotonic()
        with pytest.raises(DatabaseError) as caught, second.writing() as other:
            tail.read_mark(other, None)
        assert time.monotonic() - began >= 0.2
    told = f"{caught.value.message} {caught.value.hint}"
    assert "nother process is writing" in told
    assert "GESTALT_BUSY_TIMEOUT" in told
    with second.writing() as session:
        record_event(session, "free again")


def test_a_reader_does_not_wait_for_a_writer(database: Database, second: Database) -> None:
    with database.writing() as session:
        count_changes(session, 7)
        with second.reading() as other:
            assert tail.read_mark(other, None).sequence == 0


def test_a_reader_sees_one_state(database: Database, second: Database) -> None:
    with database.reading() as session:
        before = tail.read_mark(session, None).sequence
        with second.writing() as other:
            count_changes(other, 7)
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


@pytest.mark.sqlite_only("its number of pages")
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


@pytest.mark.sqlite_only("its folder")
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


@pytest.mark.sqlite_only("its pages")
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


@pytest.mark.sqlite_only("its file")
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


def test_passwords_are_not_shown() -> None:
    engine = sa.create_engine("sqlite://")
    engine.url = sa.make_url("postgresql://user:secret@host/name")
    with pytest.raises(DatabaseError) as caught, mapped_errors(engine):
        raise sa.exc.OperationalError("SELECT", {}, Exception("connection refused"))
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/name"])
@pytest.mark.parametrize("ask", [Database, database_revision, upgrade_database])
def test_an_address_that_is_none_is_refused(ask: type, url: str) -> None:
    with pytest.raises(DatabaseError):
        ask(url)
