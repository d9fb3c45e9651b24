"""What a killed process left of a backup or an export is found and deleted, and nothing else is."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from gestalt_space.atomic_folders import delete_begun, whole_folder
from gestalt_space.errors import OutputError
from gestalt_space.gallery.halves import delete_halves, noted
from gestalt_space.home import Gallery
from tests.galleries import new_photo
from tests.gallery.erasing import Home

pytestmark = pytest.mark.skipif(os.name != "posix", reason="flock and fork are POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def begin_and_die(index: Path, folder: Path) -> None:
    """A process that is killed while it writes a copy with patients in it."""
    child = os.fork()
    if not child:
        with noted(index, folder), whole_folder(folder) as aside:
            (aside / "people.csv").write_text("P17")
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.fixture
def home(tmp_path: Path):
    one = Home(tmp_path / "home", busy_timeout=1.0)
    one.put(new_photo("P1", 1), new_photo("P17", 2))
    yield one
    one.close()


def test_the_next_command_deletes_what_a_killed_one_left_and_says_so(home: Home, tmp_path: Path):
    index, out = home.home / "index", tmp_path / "out"
    begin_and_die(index, out / "backup")
    (left,) = out.iterdir()
    assert left.name.startswith(".backup-unfinished-")
    with Gallery.open(home.home) as gallery:
        (repair,) = gallery.repairs
        assert str(left) in repair.told
    assert names(out) == []
    assert delete_halves(index) == ([], [])


def test_the_same_command_again_deletes_it_too(tmp_path: Path):
    begin_and_die(tmp_path / "index", tmp_path / "out" / "backup")
    with whole_folder(tmp_path / "out" / "backup") as aside:
        assert names(tmp_path / "out") == [aside.name]
        (aside / "file").write_text("whole")
    assert names(tmp_path / "out") == ["backup"]


def test_one_that_is_being_written_stays_and_folders_of_others_do(tmp_path: Path):
    index, folder = tmp_path / "index", tmp_path / "out" / "backup"
    begin_and_die(index, folder)
    others = [
        tmp_path / "out" / name
        for name in (".backup-20261129", ".backup", "backup-1", ".backup-unfinished-mine")
    ]
    for other in others:
        other.mkdir()
        (other / "file").write_text("mine")
    link = tmp_path / "out" / ".backup-unfinished-link"
    link.symlink_to(others[0], target_is_directory=True)
    with noted(index, folder), whole_folder(folder) as aside:
        (aside / "file").write_text("being written")
        gone, left = delete_halves(index)
        assert (len(gone), set(left)) == (0, {folder, aside})  # the dead one went before it
        assert (aside / "file").exists()
    assert names(tmp_path / "out") == sorted(
        ["backup", link.name, *(other.name for other in others)]
    )
    assert delete_begun(folder) == ([], [])
    assert (others[0] / "file").exists()


def test_a_failure_leaves_neither_folder_nor_note(tmp_path: Path):
    index = tmp_path / "index"
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(KeyboardInterrupt))
        stack.enter_context(noted(index, tmp_path / "backup"))
        aside = stack.enter_context(whole_folder(tmp_path / "backup"))
        (aside / "file").write_text("half")
        raise KeyboardInterrupt
    assert (names(index), names(tmp_path)) == ([], ["index"])


def test_a_home_that_takes_no_note_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gestalt_space.gallery.halves.write_private", refuse)
    with (
        pytest.raises(OutputError, match="No space left"),
        noted(tmp_path / "index", tmp_path / "backup"),
    ):
        pytest.fail("it was not noted")


def test_an_erasure_deletes_it_and_its_receipt_names_what_is_out_of_reach(
    home: Home, tmp_path: Path
):
    index = home.home / "index"
    begin_and_die(index, tmp_path / "out" / "backup")
    begin_and_die(index, tmp_path / "disk" / "backup")
    # The disk is taken out of the machine.
    (tmp_path / "disk").rename(tmp_path / "drawer")
    home.erase("P17")
    assert names(tmp_path / "out") == []
    copies = home.receipt()["not_reached"]["copies"]
    assert [(one["action"], one["path"]) for one in copies] == [
        ("unfinished copy", str(tmp_path / "disk" / "backup"))
    ]
    # It is back.
    (tmp_path / "drawer").rename(tmp_path / "disk")
    with Gallery.open(home.home):
        assert names(tmp_path / "disk") == []


def test_a_backup_and_an_export_are_noted_while_they_are_written(home: Home, tmp_path: Path):
    index, seen = home.home / "index", []
    gallery = home.gallery()
    gallery.back_up(tmp_path / "backup", progress=lambda _: seen.append(delete_halves(index)))
    assert seen[0] == ([], [tmp_path / "backup"])
    seen.clear()
    gallery.export(tmp_path / "export", progress=lambda *_: seen.append(delete_halves(index)))
    assert seen[0] == ([], [tmp_path / "export"])
    assert delete_halves(index) == ([], [])
