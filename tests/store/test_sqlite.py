"""The SQLite file: any path, its owner's alone, read where it may not be written, and no spill."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import DatabaseError
from gestalt_space.store import reads, tail, writes
from gestalt_space.store.connecting import make_engine
from gestalt_space.store.engine import Database
from gestalt_space.store.sqlite import is_read_only, make_file
from tests.galleries import new_photo

POSIX = pytest.mark.skipif(os.name != "posix", reason="names and rights as on POSIX")
NAMES = [
    *("study?1", "My%20Clinic", "My%Clinic", "a#b", "a:b", "file:x?mode=memory", ":memory:"),
    *("two words", "Größe 写真", "-home", "~home", 'it\'s "quoted"', "a&b=c;d", "line\nbreak"),
    os.fsdecode(b"caf\xe9"),
]


def add_one(database: Database, number: int = 0) -> None:
    with database.writing() as session:
        space = writes.add_space(
            session, model="tiny", fingerprint="f" * 64, specification="{}", dim=16
        )
        (stored,) = writes.add_photos(session, [new_photo("P", number)], space_id=space)
        assert stored.error is None


@POSIX
@pytest.mark.parametrize("name", NAMES)
def test_a_database_lies_where_its_path_says(name: str, tmp_path: Path) -> None:
    file = tmp_path / name / "gallery.sqlite3"
    make_file(file)
    engine = make_engine(file)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE made (x)")
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in file.parent.iterdir()] == ["gallery.sqlite3"]
    assert file.stat().st_size > 0


@POSIX
def test_homes_whose_names_begin_alike_share_nothing(tmp_path: Path) -> None:
    one, two = (Database(tmp_path / f"study?{n}" / "gallery.sqlite3") for n in (1, 2))
    add_one(one)
    for database, count in ((one, 1), (two, 0)):
        with database.reading() as session:
            assert reads.counts(session).patients == count
        database.close()


@pytest.mark.parametrize("options", ["timeout=5", "mode=ro&uri=true"])
def test_an_address_with_options_is_refused_and_makes_nothing(options: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="options") as caught:
        Database(f"sqlite:///{tmp_path / 'own.sqlite3'}?{options}")
    assert "sqlite:////" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_the_database_and_its_log_are_the_owner_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        tmp_path.chmod(0o755)
        database = Database(tmp_path / "gallery.sqlite3")
        add_one(database)
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        database.close()
    finally:
        os.umask(before)
    ends = ("", "-wal", "-shm")
    assert modes == {f"gallery.sqlite3{end}": 0o600 for end in ends}


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of one photo that may not be written; nor may root, whom rights do not stop."""
    file = tmp_path / "gallery.sqlite3"
    database = Database(file)
    add_one(database)
    database.close()
    file.chmod(0o400)
    tmp_path.chmod(0o500)
    for module in ("sqlite", "engine"):
        monkeypatch.setattr(f"gestalt_space.store.{module}.is_read_only", lambda _: True)
    yield file
    tmp_path.chmod(0o700)


def test_a_file_that_may_not_be_written_is_read(read_only: Path) -> None:
    database = Database(read_only, create=False)
    with database.reading() as session:
        assert reads.counts(session).photos == 1
        assert [path.name for path in read_only.parent.iterdir()] == ["gallery.sqlite3"]
    with pytest.raises(DatabaseError, match="may not write to the database") as caught:
        add_one(database, 1)
    assert "owner of the home" in caught.value.hint
    database.close()


def test_changes_that_lie_in_a_log_alone_are_not_passed_over(read_only: Path) -> None:
    read_only.parent.chmod(0o700)
    read_only.with_name(f"{read_only.name}-wal").write_bytes(b"changes")
    with pytest.raises(DatabaseError, match="not in the database yet") as caught:
        Database(read_only, create=False)
    assert "gestalt index stats" in caught.value.hint


def test_what_another_writes_meanwhile_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Database(tmp_path / "gallery.sqlite3")
    add_one(writer)
    for module in ("sqlite", "engine"):
        monkeypatch.setattr(f"gestalt_space.store.{module}.is_read_only", lambda _: True)
    reader = Database(tmp_path / "gallery.sqlite3", create=False)
    with reader.reading() as session:
        assert reads.counts(session).photos == 1
    reader.close()
    writer.close()


@pytest.mark.parametrize(("file", "folder"), [(False, True), (True, False)])
def test_a_file_can_be_written_where_it_and_its_folder_can(
    file: bool, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gallery.sqlite3"
    assert not is_read_only(path)
    path.touch()
    assert not is_read_only(path)
    may = {path: file, tmp_path: folder}
    monkeypatch.setattr(os, "access", lambda place, _: may[place])
    assert is_read_only(path)


LARGE = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 40)
SELECT randomblob(100000) AS large FROM number ORDER BY large
"""
"""Sorts 4 MB, more than SQLite's sorter keeps in memory unasked."""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_nothing_is_spilled_into_the_system_s_temporary_folder(tmp_path: Path) -> None:
    make_file(tmp_path / "gallery.sqlite3")
    engine = make_engine(tmp_path / "gallery.sqlite3")
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(LARGE)
        # SQLite deletes its temporary files as soon as they are open.
        spilled = [name for name in _open_files() if "etilqs_" in name]
        rows.close()
    engine.dispose()
    assert spilled == []


def test_no_question_sorts_descriptors_or_crops(tmp_path: Path) -> None:
    database = Database(tmp_path / "gallery.sqlite3")
    for number in (2, 0, 1):
        add_one(database, number)
    plans: dict[str, str] = {}

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def look(
        connection: sa.Connection, cursor: sqlite3.Cursor, statement: str, values: Any, *_: object
    ) -> None:
        if "vector" in statement or "png" in statement:
            plan = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans[statement] = " ".join(step[3] for step in plan)

    with database.reading() as session:
        (space,) = reads.spaces(session)
        ids = tail.rows_after(session, space, -1).ids
        kept = reads.kept_faces(session, ["P"])
        reads.patient_detail(session, "P")
    database.close()
    assert len(ids) == len(kept) == 3
    assert (np.diff(ids) > 0).all()
    assert len(plans) >= 2
    assert [plan for plan in plans.values() if "TEMP B-TREE" in plan] == []


def _open_files() -> Iterator[str]:
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            yield str(link.readlink())


def test_a_path_through_a_link_and_back_is_the_system_s(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    Database(tmp_path / "link" / ".." / "gallery.sqlite3").close()
    assert (tmp_path / "real" / "gallery.sqlite3").is_file()
    assert not (tmp_path / "gallery.sqlite3").exists()


class NetworkDisk(sqlite3.Connection):
    """As SQLite behaves where a disk has no memory that processes share: the mode of the journal
    stays what it was."""

    def execute(self, sql: str, *given: Any) -> Any:
        return super().execute(sql.replace("journal_mode = wal", "journal_mode = delete"), *given)


def test_a_network_disk_that_refuses_the_write_ahead_log_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gestalt_space.store.sqlite.open_file",
        lambda file, timeout: sqlite3.connect(file, timeout=timeout, factory=NetworkDisk),
    )
    with pytest.raises(DatabaseError, match="does not accept journal_mode = wal") as caught:
        Database(tmp_path / "gallery.sqlite3")
    assert "cannot be in a network folder" in caught.value.hint
