"""Backups and exports of a database on a server, and between both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from gestalt_space.errors import GalleryExists
from gestalt_space.gallery.archives.backing_up import back_up
from gestalt_space.gallery.archives.exporting import ExportOptions, export_gallery
from gestalt_space.gallery.archives.importing import import_export
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.settings import Settings
from gestalt_space.store import accounts
from gestalt_space.store.audit import trail_problems
from gestalt_space.store.engine import Database
from gestalt_space.store.removals import remove_patients
from tests.databases import address_of
from tests.galleries import new_job, new_photo
from tests.gallery.archives import homes

pytestmark = pytest.mark.postgresql_only


def settings_of(home: Path, address: str | Path) -> Settings:
    """The settings of a home whose database stands at an address."""
    told = Settings(home=home)
    object.__setattr__(told, "database_url", str(address))
    return told


def on_server(home: Path) -> Settings:
    return settings_of(home, address_of(home, empty=True))


def in_file(home: Path) -> Settings:
    return settings_of(home, f"sqlite:///{home / 'gallery.sqlite3'}")


@pytest.fixture(params=["server", "file"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Settings]]:
    """A gallery on a server or in a file, from which a patient was removed."""
    settings = (on_server if request.param == "server" else in_file)(tmp_path / "one")
    with closing(Database(settings.database)) as database:
        homes.fill(database, *homes.some_photos(), new_photo("P8", 8))
        with database.writing() as session:
            remove_patients(session, ["P8"])
            accounts.add_user(session, "anna", "admin", None)
            accounts.add_token(session, "anna", "", "e" * 64, timedelta(days=1))
            accounts.begin_login(session, "anna", "f" * 64, timedelta(hours=1))
            session.add(new_job())
        yield database, settings


@pytest.mark.parametrize("to", [on_server, in_file])
def test_a_backup_of_either_kind_is_restored_into_either(
    tmp_path: Path, filled: tuple[Database, Settings], to: object
):
    database, settings = filled
    before = homes.dump(database)
    back_up(database, settings, tmp_path / "backup")
    assert callable(to)
    target = to(tmp_path / "two")
    done = restore(tmp_path / "backup", target)
    assert (done.patients, done.photos) == (3, 5)
    with closing(Database(target.database)) as new:
        after = homes.dump(new)
        for name in before.keys() - homes.AUDIT - {"api_token", "login_session", "job"}:
            assert after[name] == before[name], name
        assert homes.actions(new)[-1:] == ["restore"]
        assert [after[name] for name in ("api_token", "login_session", "job")] == [[], [], []]
        with new.reading() as session:
            assert list(trail_problems(session)) == []
        homes.fill(new, new_photo("P9", 9))
        # The key of the removed is not given again.
        assert max(row[0] for row in homes.dump(new)["descriptor"]) == 7
    with pytest.raises(GalleryExists):
        restore(tmp_path / "backup", target)


def test_an_export_is_the_same_from_either_kind(tmp_path: Path, filled: tuple[Database, Settings]):
    database, settings = filled
    export_gallery(database, settings, tmp_path / "first", ExportOptions())
    for name, kind in (("a", on_server), ("b", in_file)):
        other = kind(tmp_path / name)
        with closing(Database(other.database)) as new:
            import_export(new, tmp_path / "first")
            export_gallery(new, other, tmp_path / f"{name}-export", ExportOptions())
            assert import_export(new, tmp_path / "first", into=True).new_photos == 0
        for path in homes.files_of(tmp_path / "first" / "tables"):
            again = tmp_path / f"{name}-export" / "tables" / path.name
            assert again.read_bytes() == path.read_bytes(), path.name
