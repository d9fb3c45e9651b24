"""What others may read of a home is found, with the command that mends it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gestalt_space.gallery.inspecting.permissions import inspect_rights
from gestalt_space.gallery.permissions import exposure
from gestalt_space.settings import load_settings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights as on POSIX")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as it is made, with a name that a shell would split."""
    folder = tmp_path / "my home; x"
    (folder / "index").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    for name in ("gallery.sqlite3", "gallery.sqlite3-wal", "index/a.npy"):
        (folder / name).touch(mode=0o600)
    return folder


def test_a_home_as_it_is_made_is_its_owner_s_alone(home: Path) -> None:
    assert exposure(load_settings(home)) is None
    assert [one.state for one in inspect_rights(load_settings(home))] == ["ok"]


def test_a_home_that_shuts_others_out_shuts_all_in_it(home: Path) -> None:
    (home / "gallery.sqlite3").chmod(0o644)
    assert exposure(load_settings(home)) is None


@pytest.mark.parametrize("name", ["gallery.sqlite3", "gallery.sqlite3-wal", "index/a.npy"])
@pytest.mark.parametrize(("given", "state"), [(0o044, "fail"), (0o040, "note")])
def test_what_others_may_read_is_found_and_mended(
    name: str, given: int, state: str, home: Path
) -> None:
    home.chmod(0o755)
    (home / name).chmod(0o600 | given)
    found = exposure(load_settings(home))
    assert found is not None
    assert found.paths == (home, home / name)
    (finding,) = inspect_rights(load_settings(home))
    # The folder of the index shuts everybody out by itself.
    assert finding.state == ("note" if name.startswith("index") else state)
    assert found.mending in finding.hint
    subprocess.run(["sh", "-c", found.mending], check=True)
    assert exposure(load_settings(home)) is None


def test_a_folder_that_others_may_list_is_noted(home: Path) -> None:
    home.chmod(0o750)
    (finding,) = inspect_rights(load_settings(home))
    assert finding.state == "note"
    assert "names of files" in finding.detail


def test_without_a_home_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert exposure(load_settings(tmp_path / "none")) is None


def test_a_shut_folder_keeps_everybody_out_of_its_files(tmp_path: Path) -> None:
    home = tmp_path / "home"
    index = home / "index"
    index.mkdir(parents=True)
    (index / "a.npy").write_bytes(b"x")
    (index / "a.npy").chmod(0o644)
    home.chmod(0o755)
    for mode, to_all in ((0o700, False), (0o755, True)):
        index.chmod(mode)
        found = exposure(load_settings(home))
        assert found is not None
        assert found.to_all is to_all
