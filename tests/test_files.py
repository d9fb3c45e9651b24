"""New files and folders are their owner's alone from the first byte, and whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.errors import OutputError
from gestalt_space.files import (
    appearing,
    aside_of,
    make_private_folder,
    open_private,
    replacing,
    write_atomically,
    write_private,
)
from gestalt_space.folders import whole_folder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights as on POSIX")


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """The user's umask lets everybody read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_is_the_owner_s_alone_before_it_has_a_byte(tmp_path: Path) -> None:
    with appearing(tmp_path / "d.npz") as aside:
        assert mode(aside) == 0o600
        aside.write_bytes(b"personal")
        assert mode(aside) == 0o600
    assert mode(tmp_path / "d.npz") == 0o600


@pytest.mark.parametrize("binary", ["wb", "ab", "w", "a"])
def test_an_opened_file_is_the_owner_s_alone(binary: str, tmp_path: Path) -> None:
    with open_private(tmp_path / "f", binary) as stream:
        assert mode(tmp_path / "f") == 0o600
        stream.write(b"x" if "b" in binary else "caf\udce9\n")
    assert (tmp_path / "f").read_bytes() == (b"x" if "b" in binary else b"caf?\n")


def test_what_takes_the_place_of_a_wider_file_is_the_owner_s_alone(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    assert mode(tmp_path / "f") == 0o666
    write_atomically(tmp_path / "f", b"new")
    assert mode(tmp_path / "f") == 0o600
    write_private(tmp_path / "g", b"new")
    assert mode(tmp_path / "g") == 0o600


def test_what_a_killed_process_left_aside_is_no_hindrance(tmp_path: Path) -> None:
    aside = aside_of(tmp_path / "f")
    aside.write_bytes(b"half")
    with replacing(tmp_path / "f", aside, sync=True):
        assert mode(aside) == 0o600
        aside.write_bytes(b"whole")
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_name_as_long_as_names_can_be_is_written(tmp_path: Path) -> None:
    name = "é" * 125 + ".csv"
    write_atomically(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_folders_are_the_owner_s_alone_and_those_above_them(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")
    with whole_folder(tmp_path / "c" / "d") as place:
        assert mode(place) == 0o700
    for folder in ("a", "a/b", "c", "c/d"):
        assert mode(tmp_path / folder) == 0o700


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "f", b"x")
