from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.errors import (
    ArchiveDamaged,
    ArchiveUnsuitable,
    DatabaseError,
    GalleryChanged,
    GalleryExists,
    GestaltError,
    OutputError,
    UsageError,
)
from gestalt_space.gallery.archives import backing_up, dumped
from gestalt_space.gallery.archives.backing_up import back_up
from gestalt_space.gallery.archives.exporting import ExportOptions, export_gallery
from gestalt_space.gallery.archives.manifest import read_archive_manifest
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.settings import Settings, load_settings
from gestalt_space.store import accounts
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event, trail_problems
from gestalt_space.store.engine import Database
from gestalt_space.store.removals import remove_patients
from gestalt_space.weights.store import ModelStore
from tests.documents.validation import assert_valid
from tests.galleries import add, make_home, new_job, new_photo, open_gallery, row
from tests.gallery.archives import homes
from tests.made import photo_file

pytestmark = pytest.mark.sqlite_only("its homes have files; test_servers has the others")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and a backup of it, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    with closing(homes.open_database(folder / "home")) as opened:
        homes.fill(opened, *homes.some_photos())
        back_up(opened, load_settings(folder / "home"), folder / "backup")
    return folder


@pytest.fixture
def database(tmp_path: Path, template: Path) -> Any:
    shutil.copytree(template / "home", tmp_path / "home")
    with closing(homes.open_database(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "home")


@pytest.fixture
def backup(tmp_path: Path, template: Path) -> Path:
    shutil.copytree(template / "backup", tmp_path / "backup")
    return tmp_path / "backup"


def restored(backup: Path, home: Path) -> Database:
    restore(backup, load_settings(home))
    return homes.open_database(home)


def test_a_restored_home_answers_as_the_first_one_does_also_after_the_next_writes(
    tmp_path: Path, tiny_store: ModelStore
):
    home = make_home(tmp_path / "one", tiny_store)
    photos = [photo_file(tmp_path / f"{seed}.png", seed) for seed in range(9)]
    new = tmp_path / "two"
    with open_gallery(home) as first:
        add(first, *(row(photos[n], f"P{n}", f"OMIM:{100_000 + n % 3}") for n in range(7)))
        first.rebuild()
        first.remove(patients=["P6"])
        told = first.back_up(tmp_path / "backup", with_models=True)
        assert (told.patients, told.photos, told.models) == (6, 6, ("tiny",))
        done = restore(tmp_path / "backup", load_settings(new))
        assert (done.patients, done.models, done.missing) == (6, ("tiny",), ())
        with open_gallery(new) as second:
            assert second.check_index().keys() == first.check_index().keys()
            for gallery in (first, second):
                assert gallery.match_patient("P1").lines
            assert second.match_patient("P1") == first.match_patient("P1")
            for gallery in (first, second):
                add(gallery, row(photos[7], "P7", "OMIM:100001"), row(photos[8], "P1"))
                gallery.remove(patients=["P2"])
                gallery.rebuild()
            assert second.check_index().keys() == first.check_index().keys()
            for patient in ("P1", "P7"):
                assert second.match_patient(patient) == first.match_patient(patient)
            here, there = homes.dump(first.database), homes.dump(second.database)
    for name in here.keys() - homes.AUDIT - {"photo", "patient"}:
        assert here[name] == there[name], name
    assert (home / "index" / "home").read_text() != (new / "index" / "home").read_text()


def test_a_backup_is_the_database_to_the_row(tmp_path: Path, database: Database, backup: Path):
    assert_valid(json.loads((backup / "manifest.json").read_text()), "backup-manifest")
    with closing(restored(backup, tmp_path / "new")) as new:
        here, there = homes.dump(database), homes.dump(new)
        assert homes.actions(database)[-1:] == ["backup"]
        assert homes.actions(new)[-1:] == ["restore"]
        with new.reading() as session:
            assert list(trail_problems(session)) == []
        assert new.problems() == []
    assert here.keys() == there.keys()
    for name in here.keys() - homes.AUDIT:
        assert here[name] == there[name], name
    assert here["audit_event"][:-1] == there["audit_event"][:-1]


def test_a_backup_as_tables_is_the_database_to_the_row(
    tmp_path: Path, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    with database.writing() as session:
        remove_patients(session, ["Übung"])
    with monkeypatch.context() as patched:
        # As of a database that is no file.
        patched.setattr(backing_up, "is_copied", lambda _: False)
        back_up(database, settings, tmp_path / "backup")
    assert read_archive_manifest(tmp_path / "backup", "backup").about["database"] == "tables"
    assert_valid(json.loads((tmp_path / "backup" / "manifest.json").read_text()), "backup-manifest")
    with closing(restored(tmp_path / "backup", tmp_path / "new")) as new:
        here, there = homes.dump(database), homes.dump(new)
        homes.fill(new, new_photo("P9", 9))
        added = homes.dump(new)
    for name in here.keys() - homes.AUDIT:
        assert here[name] == there[name], name
    # Keys of the removed are not given again.
    assert max(key for key, *_ in added["descriptor"]) == 6


@pytest.mark.parametrize("is_copied", [True, False])
def test_no_token_login_or_job_comes_back_with_a_restore(
    tmp_path: Path,
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    is_copied: bool,
):
    with database.writing() as session:
        accounts.add_user(session, "anna", "admin", "a hash")
        accounts.add_token(session, "anna", "", "e" * 64, timedelta(days=1))
        accounts.begin_login(session, "anna", "f" * 64, timedelta(hours=1))
        session.add(new_job())
        session.flush()
        session.add(t.JobFile(job_id="j" * 32, name="map.svg", content=b"x"))
    monkeypatch.setattr(backing_up, "is_copied", lambda _: is_copied)
    back_up(database, settings, tmp_path / "backup")
    with closing(restored(tmp_path / "backup", tmp_path / "new")) as new:
        rows = homes.dump(new)
        kept = ("api_token", "login_session", "job", "job_file")
        assert [rows[name] for name in kept] == [[], [], [], []]
        with new.reading() as session:
            assert accounts.password_of(session, "anna") == "a hash"


def test_a_backup_is_of_one_state_while_others_write(
    tmp_path: Path, database: Database, settings: Settings
):
    ended = threading.Event()

    def write() -> None:
        with closing(homes.open_database(tmp_path / "home")) as other:
            number = 100
            while not ended.is_set():
                homes.fill(other, new_photo(f"Q{number}", number), runs=False)
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = back_up(database, settings, tmp_path / "backup")
    finally:
        ended.set()
        writer.join()
    with closing(restored(tmp_path / "backup", tmp_path / "new")) as new:
        rows = homes.dump(new)
    assert len(rows["descriptor"]) == len(rows["photo"]) == len(rows["crop"]) + 1 == done.photos
    assert max(row[3] for row in rows["descriptor"]) == done.sequence


def test_who_is_erased_meanwhile_is_in_no_copy(
    tmp_path: Path, database: Database, settings: Settings
):
    """No receipt would name it."""

    def erase(*_: object) -> None:
        with database.writing() as session:
            record_event(session, "erase")

    for copy in (back_up, partial(export_gallery, options=ExportOptions())):
        with pytest.raises(GalleryChanged, match="erased meanwhile"):
            copy(database, settings, tmp_path / "copy", progress=erase)
        assert not (tmp_path / "copy").exists()
        assert "copy" not in {path.name for path in tmp_path.iterdir()}


def test_everything_in_a_backup_is_its_owners_alone(backup: Path):
    places = [backup, *backup.rglob("*")]
    assert len(places) > 3
    assert {place.stat().st_mode & 0o077 for place in places} == {0}


def test_a_flipped_byte_or_a_cut_in_any_file_is_refused_and_nothing_written(
    tmp_path: Path, database: Database, settings: Settings
):
    del database
    with open_gallery(tmp_path / "home") as gallery:
        gallery.rebuild()
        gallery.back_up(tmp_path / "backup")
    files = homes.files_of(tmp_path / "backup")
    assert len(files) > 4
    new = tmp_path / "new"
    for path in files:
        whole = path.read_bytes()
        for at in {0, len(whole) // 3, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            with pytest.raises((ArchiveDamaged, ArchiveUnsuitable)):
                restore(tmp_path / "backup", load_settings(new))
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises((ArchiveDamaged, ArchiveUnsuitable)):
            restore(tmp_path / "backup", load_settings(new))
        path.unlink()
        with pytest.raises((ArchiveDamaged, ArchiveUnsuitable)):
            restore(tmp_path / "backup", load_settings(new))
        path.write_bytes(whole)
    assert not new.exists()
    restore(tmp_path / "backup", load_settings(new))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"format": "gestalt-space export"}, "not a gestalt-space backup"),
        ({"format": "other"}, "not a gestalt-space backup"),
        ({"migration": "9999"}, "9999"),
        ({"migration": "x"}, "x"),
    ],
)
def test_a_backup_of_another_kind_is_refused(
    tmp_path: Path, backup: Path, change: dict[str, object], message: str
):
    homes.seal_again(backup, "backup", lambda told: told.update(change))
    with pytest.raises(ArchiveUnsuitable, match=message):
        restore(backup, load_settings(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "path", ["../home/secret", "/etc/passwd", "index/../../x", "a\\b", "", ".hidden", "C:x"]
)
def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, backup: Path, path: str
):
    homes.seal_again(backup, "backup", lambda told: told["files"][0].update(path=path))
    with pytest.raises(ArchiveDamaged):
        restore(backup, load_settings(tmp_path / "new"))


def test_a_link_in_a_backup_is_refused(tmp_path: Path, backup: Path):
    (backup / "gallery.sqlite3").rename(tmp_path / "elsewhere")
    (backup / "gallery.sqlite3").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArchiveDamaged, match="link"):
        restore(backup, load_settings(tmp_path / "new"))


def test_a_home_that_is_not_empty_is_refused_and_named(tmp_path: Path, backup: Path):
    new = tmp_path / "new"
    (new / "models").mkdir(parents=True)
    (new / "notes.txt").write_text("x")
    with pytest.raises(GalleryExists, match=r"notes\.txt"):
        restore(backup, load_settings(new))
    (new / "notes.txt").unlink()
    restore(backup, load_settings(new))
    with pytest.raises(GalleryExists, match=r"gallery\.sqlite3"):
        restore(backup, load_settings(new))


def test_what_a_killed_restore_left_is_no_hindrance(tmp_path: Path, backup: Path):
    new = tmp_path / "new"
    for name in (".restore-0123/index", "index"):
        (new / name).mkdir(parents=True)
        (new / name / "half").write_bytes(b"x")
    with closing(restored(backup, new)) as database:
        assert len(homes.dump(database)["photo"]) == 5
    assert sorted(path.name for path in new.iterdir()) == ["gallery.sqlite3", "index"]
    assert [path.name for path in (new / "index").iterdir()] == ["home"]


def test_a_restore_that_fails_at_the_end_leaves_nothing(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
):
    real = os.replace

    def refuse(source: Any, target: Any, **more: Any) -> None:
        if str(target).endswith("gallery.sqlite3"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target, **more)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="No space left"):
        restore(backup, load_settings(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_a_full_disk_leaves_no_backup_and_no_note_of_one(
    tmp_path: Path, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    resource = pytest.importorskip("resource", reason="limits of file sizes are POSIX")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(GestaltError) as caught:
            back_up(database, settings, tmp_path / "backup")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(caught.value, OutputError)
    monkeypatch.setattr(
        backing_up.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 9)
    )
    with pytest.raises(OutputError, match="the backup needs"):
        back_up(database, settings, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert homes.actions(database).count("backup") == 1  # that of the template


def test_a_backup_goes_to_a_new_folder_outside_the_home(
    tmp_path: Path, database: Database, settings: Settings
):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("x")
    with pytest.raises(OutputError, match="already exists"):
        back_up(database, settings, tmp_path / "there")
    with pytest.raises(UsageError, match="is in the home"):
        back_up(database, settings, tmp_path / "home" / "backup")


def test_a_copy_that_is_not_sound_is_no_backup(
    tmp_path: Path, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    copy = backing_up.snapshots.copy_sqlite

    def damage(session: Any, file: Path, progress: Any) -> None:
        copy(session, file, progress)
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("DELETE FROM photo WHERE id = 1")

    monkeypatch.setattr(backing_up.snapshots, "copy_sqlite", damage)
    with pytest.raises(DatabaseError, match="is damaged"):
        back_up(database, settings, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_backup_of_an_older_migration_is_upgraded(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    from gestalt_space.gallery.archives import restoring

    real = restoring.upgrade_database

    def upgrade(file: Any, timeout: float) -> Any:
        asked.append(file.name)
        return real(file, timeout)

    monkeypatch.setattr(restoring, "upgrade_database", upgrade)
    with closing(sqlite3.connect(backup / "gallery.sqlite3")) as connection, connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    homes.seal_again(backup, "backup", lambda told: told.update(migration="0007"))
    done = restore(backup, load_settings(tmp_path / "new"))
    assert (asked, done.upgraded_from) == (["gallery.sqlite3"], "0007")


def test_a_dump_of_another_kind_of_text_is_refused(tmp_path: Path, database: Database):
    with database.reading() as session:
        counts = dumped.write_dump(session, tmp_path / "tables")
    table = next(one for one in dumped.dumps.dumped_tables() if one.name == "patient")
    with pytest.raises(ArchiveDamaged, match="rows"):
        list(dumped.read_dump(tmp_path / "tables", table, counts["patient"] + 1))
