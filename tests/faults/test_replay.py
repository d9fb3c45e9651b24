"""The replayer tells apart what is in memory and what is on the disk."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from tests.faults.recording import Change, Kind
from tests.faults.replay import Replayed, Tree

FILE = -1


def change(kind: Kind, path: str = "", second: str = "", inode: int = 0, **more: object) -> Change:
    about: dict[str, object] = {"offset": 0, "length": 0, "data": b"", **more}
    return Change(kind, path, second, inode, **about)  # type: ignore[arg-type]


@pytest.fixture
def replayed(tmp_path: Path) -> Replayed:
    """A folder with one file; a file `new` is made in it, and takes the name of the other."""
    (tmp_path / "file").write_bytes(b"old")
    return Replayed(tmp_path)


def cut(replayed: Replayed) -> list[Tree]:
    """Nothing that was not synced, all names, all bytes."""
    return list(replayed.cut())


def test_bytes_and_names_reach_the_disk_by_their_own_syncs(
    replayed: Replayed, tmp_path: Path
) -> None:
    aside, file = str(tmp_path / "new"), str(tmp_path / "file")
    top = tmp_path.stat().st_ino
    for one in (
        change("create", aside, inode=FILE),
        change("write", inode=FILE, data=b"abcd"),
        change("rename", aside, file),
    ):
        replayed.apply(one)
    assert replayed.killed() == {"file": b"abcd"}
    assert cut(replayed) == [{"file": b"old"}, {"file": b""}, {"file": b"old"}]
    other = deepcopy(replayed)
    replayed.apply(change("sync", inode=FILE))
    assert cut(replayed)[:2] == [{"file": b"old"}, {"file": b"abcd"}]
    replayed.apply(change("sync", inode=top))
    assert cut(replayed)[0] == {"file": b"abcd"}
    other.apply(change("sync", inode=top))
    assert cut(other)[0] == {"file": b""}, "a name without its bytes"


def test_half_of_a_write_is_torn_off(replayed: Replayed, tmp_path: Path) -> None:
    inode = (tmp_path / "file").stat().st_ino
    assert replayed.torn(change("write", inode=inode, offset=2, data=b"1234")) == {"file": b"ol12"}
    assert replayed.killed() == {"file": b"old"}
    replayed.apply(change("truncate", inode=inode, length=1))
    assert replayed.killed() == {"file": b"o"}
