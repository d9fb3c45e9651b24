"""Builds a folder as it would be had the process been killed, or the power cut, after any of the
changes that a command made of it.

What the system has in memory and what is on the disk are kept apart: the bytes of a file by inode,
the names of a folder by folder. A sync brings the bytes of one file, or the names of one folder, to
the disk, and nothing else does.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.recording import Change

SECTOR = 512


@dataclass
class File:
    """`durable`: the bytes on the disk; `changes`: what was made of them since, not synced."""

    data: bytearray
    durable: bytes
    changes: list[Change] = field(default_factory=list)


@dataclass
class Folder:
    """`durable`: its names on the disk; `changes`: the names as they were after each change since,
    none for the last sync."""

    names: dict[str, File | Folder]
    durable: dict[str, File | Folder]
    changes: list[dict[str, File | Folder]] = field(default_factory=list)

    def note(self) -> None:
        self.changes.append(dict(self.names))


Tree = dict[str, bytes | None]
"""Files by their paths, None for folders."""


class Replayed:
    """A folder, from what is in it before a command to what each change makes of it."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._inodes: dict[int, File | Folder] = {}
        self._top = self._read(folder) if folder.is_dir() else Folder({}, {})
        self._has_top = folder.is_dir()

    def _read(self, place: Path) -> Folder:
        names: dict[str, File | Folder] = {}
        for path in place.iterdir():
            if path.is_dir():
                names[path.name] = self._read(path)
            else:
                data = path.read_bytes()
                names[path.name] = self._known(path, File(bytearray(data), data))
        return self._known(place, Folder(names, dict(names)))

    def _known(self, path: Path, one):  # type: ignore[no-untyped-def]
        self._inodes[path.stat().st_ino] = one
        return one

    def apply(self, change: Change) -> None:
        kind = change.kind
        if kind in ("write", "truncate", "sync"):
            self._to_inode(change)
            return
        if kind == "mkdir" and change.path == str(self._root):
            # Its name is in a folder that is not followed; whoever makes it syncs that, too.
            self._has_top = True
            self._inodes[change.inode] = self._top
            return
        parent, name = self._place(change.path)
        if kind in ("create", "mkdir"):
            made = File(bytearray(), b"") if kind == "create" else Folder({}, {})
            self._inodes[change.inode] = made
            parent.names[name] = made
        elif kind in ("unlink", "rmdir"):
            del parent.names[name]
        elif kind == "rename":
            other, new = self._place(change.second)
            other.names[new] = parent.names.pop(name)
            if other is not parent:
                other.note()
        else:
            other, new = self._place(change.second)
            other.names[new] = parent.names[name]
            other.note()
            return
        parent.note()

    def _to_inode(self, change: Change) -> None:
        one = self._inodes[change.inode]
        if isinstance(one, Folder):
            assert change.kind == "sync"
            one.durable = dict(one.names)
            one.changes.clear()
            return
        if change.kind == "sync":
            one.durable = bytes(one.data)
            one.changes.clear()
            return
        write(one.data, change)
        one.changes.append(change)

    def _place(self, path: str) -> tuple[Folder, str]:
        *folders, name = Path(path).relative_to(self._root).parts
        place = self._top
        for one in folders:
            inner = place.names[one]
            assert isinstance(inner, Folder)
            place = inner
        return place, name

    def killed(self) -> Tree | None:
        """All that was done is there: the system lives. None where the folder is not there yet."""
        return _tree(self._top, _names_now, _bytes_now) if self._has_top else None

    def torn(self, change: Change) -> Tree | None:
        """As `killed`, of the change that comes next the first half alone."""
        one = self._inodes[change.inode]
        assert isinstance(one, File)
        whole = one.data
        one.data = bytearray(whole)
        write(one.data, change, len(change.data) // 2)
        try:
            return self.killed()
        finally:
            one.data = whole

    def cut(self) -> Iterator[Tree]:
        """The power is cut: what was synced is there; what was not may be, in several ways."""
        if not self._has_top:
            return
        yield _tree(self._top, _names_durable, _bytes_durable)
        yield _tree(self._top, _names_now, _bytes_durable)
        yield _tree(self._top, _names_durable, _bytes_now)

    def cut_by_chance(self, rng: random.Random) -> Tree | None:
        """Of each folder's changed names the first ones are on the disk, of each file's changed
        sectors some."""
        if not self._has_top:
            return None

        def names(folder: Folder) -> dict[str, File | Folder]:
            first = rng.randint(0, len(folder.changes))
            return folder.changes[first - 1] if first else folder.durable

        def data(file: File) -> bytes:
            found = bytearray(file.durable)
            for change in file.changes:
                luck = rng.random()
                if luck < 0.4:
                    write(found, change)
                elif luck < 0.6 and change.data:
                    sectors = len(change.data) // SECTOR
                    write(found, change, SECTOR * rng.randint(0, sectors))
            return bytes(found)

        return _tree(self._top, names, data)


def write(data: bytearray, change: Change, length: int | None = None) -> None:
    """Make a change of a file's bytes, of a write the first `length` bytes alone."""
    if change.kind == "truncate":
        del data[change.length :]
        data.extend(bytes(change.length - len(data)))
        return
    new = change.data if length is None else change.data[:length]
    if not new:
        return
    data.extend(bytes(max(0, change.offset - len(data))))
    data[change.offset : change.offset + len(new)] = new


def _names_now(folder: Folder) -> dict[str, File | Folder]:
    return folder.names


def _names_durable(folder: Folder) -> dict[str, File | Folder]:
    return folder.durable


def _bytes_now(file: File) -> bytes:
    return bytes(file.data)


def _bytes_durable(file: File) -> bytes:
    return file.durable


def _tree(top: Folder, names, data) -> Tree:  # type: ignore[no-untyped-def]
    found: Tree = {}

    def walk(folder: Folder, prefix: str) -> None:
        for name, one in names(folder).items():
            if isinstance(one, Folder):
                found[prefix + name] = None
                walk(one, f"{prefix}{name}/")
            else:
                found[prefix + name] = data(one)

    walk(top, "")
    return found


def build(tree: Tree, folder: Path) -> None:
    """Write a tree to the disk."""
    folder.mkdir(parents=True, mode=0o700)
    for name in sorted(tree):
        data = tree[name]
        if data is None:
            (folder / name).mkdir(mode=0o700)
        else:
            number = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as stream:
                stream.write(data)


def read(folder: Path) -> Tree:
    """The tree of a folder on the disk."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def without_shared(tree: Tree) -> Tree:
    """A tree without the memory that processes share (`-shm`), which none reads after a crash."""
    return {name: data for name, data in tree.items() if not name.endswith("-shm")}
