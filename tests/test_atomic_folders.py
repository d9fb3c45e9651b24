"""Folders appear whole or not at all, and what was there before comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.atomic_folders import whole_folder
from gestalt_space.errors import OutputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_at_the_end(tmp_path: Path):
    with whole_folder(tmp_path / "deep" / "place") as aside:
        (aside / "file").write_text("new")
        assert not (tmp_path / "deep" / "place").exists()
    assert names(tmp_path / "deep") == ["place"]
    assert (tmp_path / "deep" / "place" / "file").read_text() == "new"


def test_it_takes_the_place_of_what_was_there(tmp_path: Path):
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "old").write_text("old")
    with whole_folder(tmp_path / "place") as aside:
        (aside / "file").write_text("new")
        assert names(tmp_path / "place") == ["old"]
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["file"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, kind: type[BaseException]
):
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "old").write_text("old")
    stopped = whole_folder(tmp_path / "place")
    aside = stopped.__enter__()
    (aside / "file").write_text("new")
    assert not stopped.__exit__(kind, kind(), None)
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["old"]


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
def test_a_change_that_fails_half_way_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
):
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "old").write_text("old")
    rename = Path.rename

    def fail_for_new(self: Path, target: Path) -> Path:
        if (self / "file").exists():
            raise kind("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    expected = OutputError if kind is OSError else kind
    with pytest.raises(expected), whole_folder(tmp_path / "place") as aside:
        (aside / "file").write_text("new")
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["old"]


def test_a_place_that_cannot_be_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), whole_folder(tmp_path / "file/x"):
        pass


def test_a_folder_that_somebody_filled_meanwhile_stays(tmp_path: Path):
    """Two runs into one folder: the first to be done has it."""
    second = whole_folder(tmp_path / "place")
    (second.__enter__() / "file").write_text("second")
    with whole_folder(tmp_path / "place") as aside:
        (aside / "file").write_text("first")
    with pytest.raises(OutputError, match="files were written to"):
        second.__exit__(None, None, None)
    assert names(tmp_path) == ["place"]
    assert (tmp_path / "place" / "file").read_text() == "first"


def test_a_file_put_into_an_empty_folder_meanwhile_stays(tmp_path: Path):
    (tmp_path / "place").mkdir()
    filling = whole_folder(tmp_path / "place")
    (filling.__enter__() / "file").write_text("new")
    (tmp_path / "place" / "mine").write_text("mine")
    with pytest.raises(OutputError, match="files were written to"):
        filling.__exit__(None, None, None)
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["mine"]


def test_an_empty_folder_is_filled(tmp_path: Path):
    (tmp_path / "place").mkdir()
    with whole_folder(tmp_path / "place") as aside:
        (aside / "file").write_text("new")
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["file"]


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127])
def test_a_name_as_long_as_names_can_be(tmp_path: Path, name: str):
    with whole_folder(tmp_path / name) as aside:
        (aside / "file").write_text("new")
    assert names(tmp_path) == [name]


def test_links_in_a_circle_are_refused(tmp_path: Path):
    (tmp_path / "place").symlink_to("place")
    with pytest.raises(OutputError, match="cannot be written"), whole_folder(tmp_path / "place"):
        pass
    assert names(tmp_path) == ["place"]


def test_a_mounted_disk_itself_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It cannot be renamed."""
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda self: self.name == "disk")
    with pytest.raises(OutputError, match="mounted") as caught, whole_folder(tmp_path / "disk"):
        pytest.fail("the work began")
    assert "in it" in caught.value.hint
    assert names(tmp_path) == ["disk"]
