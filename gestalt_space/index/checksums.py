"""What a manifest records of a file: its size, and the sha256 of each 8 MiB of it.

By chunks, so that a change in place hashes what it touched and not the whole file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gestalt_space.devices import cores
from gestalt_space.errors import IndexDamaged

CHUNK = 8 * 2**20
"""Bytes that one sha256 covers."""
HASHED = 2**20
"""Bytes up to which a file is hashed when it is opened, which takes a millisecond or two. Of larger
ones `gestalt index verify` finds what changed."""
REBUILD = "Run `gestalt index rebuild`. Nothing is lost: the database has everything."


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the index: `name` in its folder, `bytes`, and the `sha256` of each chunk in hex."""

    name: str
    bytes: int
    sha256: tuple[str, ...]


def record_file(path: Path) -> FileRecord:
    """Hash a whole file, by threads. Raises `OSError`."""
    size = path.stat().st_size
    starts = range(0, size, CHUNK)
    if len(starts) < 2:
        return FileRecord(path.name, size, tuple(_hash_at(path, start) for start in starts))
    with ThreadPoolExecutor(min(len(starts), cores())) as threads:
        return FileRecord(path.name, size, tuple(threads.map(partial(_hash_at, path), starts)))


def _hash_at(path: Path, start: int) -> str:
    with path.open("rb") as stream:
        stream.seek(start)
        return hashlib.sha256(stream.read(CHUNK)).hexdigest()


def hash_again(folder: Path, record: FileRecord, ranges: Iterable[tuple[int, int]]) -> FileRecord:
    """The record after bytes were changed in place; only the chunks they lie in are hashed.

    `ranges`: first byte and length of what was changed, none longer than the file. Raises
    `OSError`.
    """
    touched = {
        number
        for start, length in ranges
        for number in range(start // CHUNK, (start + length - 1) // CHUNK + 1)
    }
    hashes = list(record.sha256)
    with (folder / record.name).open("rb") as stream:
        for number in sorted(touched):
            stream.seek(number * CHUNK)
            hashes[number] = hashlib.sha256(stream.read(CHUNK)).hexdigest()
    return FileRecord(record.name, record.bytes, tuple(hashes))


def check_size(folder: Path, record: FileRecord) -> Path:
    """The path of a file that is there and of its size; nothing is read. Raises `IndexDamaged`."""
    path = folder / record.name
    try:
        size = path.stat().st_size
    except OSError as error:
        raise IndexDamaged(f"{record.name} cannot be read ({error.strerror}).", REBUILD) from error
    if size != record.bytes:
        raise IndexDamaged(f"{record.name} has {size} bytes instead of {record.bytes}.", REBUILD)
    return path


def check_small(folder: Path, record: FileRecord) -> Path:
    """As `check_size`, and a small file is hashed. Raises `IndexDamaged`."""
    return (check_file if record.bytes <= HASHED else check_size)(folder, record)


def check_file(folder: Path, record: FileRecord) -> Path:
    """The path of a file whose bytes are what was written: all are read. Raises `IndexDamaged`."""
    path = check_size(folder, record)
    try:
        found = record_file(path)
    except OSError as error:
        raise IndexDamaged(f"{record.name} cannot be read ({error.strerror}).", REBUILD) from error
    if found != record:
        raise IndexDamaged(f"{record.name} has changed since it was written.", REBUILD)
    return path
