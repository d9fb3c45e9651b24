"""New files and folders are their owner's alone from the first byte, and whole or not there."""

from __future__ import annotations

import ast
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gestalt_space.atomic_files import (
    appearing,
    check_free,
    check_new_file,
    check_path,
    make_private_folder,
    open_private,
    replacing,
    write_atomically,
    write_private,
)
from gestalt_space.atomic_folders import whole_folder
from gestalt_space.errors import OutputError

ROOT = Path(__file__).parents[1]
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
    with replacing(tmp_path / "f") as left:
        left.write_bytes(b"half")
        with replacing(tmp_path / "f") as aside:
            assert mode(aside) == 0o600
            aside.write_bytes(b"whole")
        assert (tmp_path / "f").read_bytes() == b"whole"
        assert aside != left


def test_a_name_as_long_as_names_can_be_is_written(tmp_path: Path) -> None:
    name = "é" * 125 + ".csv"
    write_atomically(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


ODD = ("n" * 256, "nul\0", "half\ud800")


@pytest.mark.parametrize("name", ODD)
def test_a_path_that_cannot_be_is_refused_before_any_work(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for check in (check_new_file, check_path, lambda path: check_free(path, True)):
        with pytest.raises(OutputError, match="cannot be written"):
            check(path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(path, b"x")
    with pytest.raises(OutputError, match="cannot be written"), whole_folder(path / "in"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_is_found_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root user may write where rights say no; a disk that is read-only says it to all."""
    check_new_file(tmp_path / "f")
    assert list(tmp_path.iterdir()) == []

    def refuse(path: str, flags: int, mode: int = 0) -> int:
        raise OSError(errno.EROFS, "Read-only file system", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(OutputError, match="Read-only file system"):
            check_new_file(tmp_path / "f")


def test_folders_are_the_owner_s_alone_and_those_above_them(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")
    with whole_folder(tmp_path / "c" / "d") as place:
        assert mode(place) == 0o700
    for folder in ("a", "a/b", "c", "c/d"):
        assert mode(tmp_path / folder) == 0o700


@pytest.mark.parametrize("later", [False, True])
def test_bytes_are_on_the_disk_before_the_name_and_the_name_at_the_end(
    later: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def note_sync(number: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")
        fsync(number)

    def note_name(self: Path, target: Path) -> Path:
        done.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_name)
    with replacing(tmp_path / "f", name_later=later) as aside:
        aside.write_bytes(b"whole")
    assert done == (["file", "name"] if later else ["file", "name", "folder"])


def test_a_whole_folder_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync, rename = os.fsync, Path.rename

    def note_sync(number: int) -> None:
        synced.append(os.fstat(number).st_ino)
        fsync(number)

    def note_name(self: Path, target: Path) -> Path:
        synced.append(0)
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "rename", note_name)
    with whole_folder(tmp_path / "new") as place:
        (place / "in").mkdir()
        (place / "in" / "file").touch()
    new = tmp_path / "new"
    inside = [new / "in" / "file", new, new / "in"]
    assert sorted(synced[:3]) == sorted(path.stat().st_ino for path in inside)
    assert synced[3:] == [0, tmp_path.stat().st_ino], "its name comes last"


_CALLS = re.compile(r"\.\s*(replace|renames?|f?sync|fdatasync|hardlink_to|move)\b")
"""Attributes that `_names_or_syncs` may take for calls."""


def test_files_get_their_names_and_reach_the_disk_in_one_place_alone() -> None:
    calls = {
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for folder in ("gestalt_space", "cli", "migrations")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != ROOT / "gestalt_space" / "atomic_files.py"
        # To parse a file takes long.
        if _CALLS.search(text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _names_or_syncs(node)
    }
    assert calls == set(), "use gestalt_space.atomic_files"
    ours = ast.parse((ROOT / "gestalt_space" / "atomic_files.py").read_text(encoding="utf-8"))
    found = [n for n in ast.walk(ours) if isinstance(n, ast.Call) and _names_or_syncs(n)]
    assert len(found) > 3, "else they are not seen"


def _names_or_syncs(call: ast.Call) -> bool:
    """Texts are replaced by two words, records by keywords, files by one other."""
    if not isinstance(call.func, ast.Attribute):
        return False
    name = call.func.attr
    if name == "replace":
        by_os = ast.unparse(call.func.value) == "os"
        return by_os or (len(call.args) == 1 and not call.keywords)
    by_shutil = ast.unparse(call.func) == "shutil.move"
    return by_shutil or name in ("rename", "renames", "fsync", "fdatasync", "sync", "hardlink_to")


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "f", b"x")
