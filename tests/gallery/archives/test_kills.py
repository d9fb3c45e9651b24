"""A process that ends, at each step of a backup, a restore or an import into a new home, leaves all
of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.gallery.archives.backing_up import back_up
from gestalt_space.gallery.archives.exporting import ExportOptions, export_gallery
from gestalt_space.gallery.archives.manifest import check_archive_files, read_archive_manifest
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.settings import load_settings
from tests.galleries import open_gallery
from tests.gallery.archives import homes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="fork is POSIX"),
    pytest.mark.sqlite_only("test_servers has the others"),
]


def ends_at(step: int, work: Callable[[], object]) -> bool:
    """Do work in a process that ends, with nothing cleaned up, at its n-th sync or renaming; says
    whether it came to that."""
    child = os.fork()
    if not child:
        left = step

        def around(whole: Callable[..., Any]) -> Callable[..., Any]:
            def counting(*words: Any, **more: Any) -> Any:
                nonlocal left
                left -= 1
                if not left:
                    os._exit(9)
                return whole(*words, **more)

            return counting

        for name in ("fsync", "rename", "replace", "mkdir", "unlink"):
            setattr(os, name, around(getattr(os, name)))
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), "the work itself failed"
    return code == 9


def test_a_backup_is_whole_or_not_there_and_a_restore_likewise(tmp_path: Path):
    home = tmp_path / "home"
    with closing(homes.open_database(home)) as database:
        homes.fill(database, *homes.some_photos())
    kept = tmp_path / "kept"
    settings = load_settings(home)

    def make(folder: Path) -> None:
        with closing(homes.open_database(home)) as database:
            back_up(database, settings, folder)

    make(kept)
    step, killed = 1, {"backup": 0, "restore": 0}
    while ends_at(step, partial(make, tmp_path / f"b{step}")):
        if (tmp_path / f"b{step}").exists():
            check_archive_files(read_archive_manifest(tmp_path / f"b{step}", "backup"))
        killed["backup"] += 1
        step += 1
    step = 1
    while True:
        new = tmp_path / f"h{step}"
        if not ends_at(step, partial(restore, kept, load_settings(new))):
            break
        killed["restore"] += 1
        if not (new / "gallery.sqlite3").exists():
            restore(kept, load_settings(new))
        with closing(homes.open_database(new)) as database:
            assert len(homes.dump(database)["photo"]) == 5
            assert database.problems() == []
        step += 1
    assert min(killed.values()) > 5, killed


def test_an_import_into_a_new_home_makes_a_whole_gallery_or_none(tmp_path: Path):
    home = tmp_path / "home"
    with closing(homes.open_database(home)) as database:
        homes.fill(database, *homes.some_photos())
        export_gallery(database, load_settings(home), tmp_path / "export", ExportOptions())

    def take(new: Path) -> None:
        with open_gallery(new) as gallery:
            gallery.import_export(tmp_path / "export")

    step, without = 1, 0
    while ends_at(step, partial(take, tmp_path / f"h{step}")):
        new = tmp_path / f"h{step}"
        if not (new / "gallery.sqlite3").exists():
            without += 1
            take(new)
        with open_gallery(new) as gallery:
            assert len(homes.dump(gallery.database)["photo"]) == 5
            assert gallery.database.problems() == []
        assert list(new.glob(".*")) == []
        step += 1
    assert without > 3
    assert step > without + 1
