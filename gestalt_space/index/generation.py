"""Generations: an index on disk, as two arrays and a manifest that is written last.

A generation is complete once its manifest has its name. Whatever is missing, cut off or changed
makes it unsound, and the gallery then builds the index from the database again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gestalt_space.errors import IndexDamaged, OutputError
from gestalt_space.files import aside_of, make_private_folder, replacing
from gestalt_space.index.contract import VectorIndex
from gestalt_space.types import Descriptors, Ids

FORMAT = 1
STALE_SECONDS = 3600
"""Age after which a file that is still being written was left by a crash."""
_REBUILD = "Run `gestalt index rebuild`; nothing is lost, the database has everything."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation says of itself.

    `sequence`: the highest change of the database that it contains. `bytes` and `modified_ns`: size
    and time of the data files as they were when they were hashed. Files that still bear them are
    taken as they are, and others are hashed again.
    """

    space: str
    sequence: int
    count: int
    dim: int
    sha256: dict[str, str]
    bytes: dict[str, int]
    modified_ns: dict[str, int]
    format: int = FORMAT


def save_generation(
    folder: Path, index: VectorIndex, *, space: str, sequence: int
) -> tuple[Path, str]:
    """Write an index as a generation of a space; `space` is the fingerprint.

    Returns the manifest's path and its sha256, by which the database knows it. Older generations
    stay until `delete_others`; a crash at any point leaves them in force. Raises `OutputError`.
    """
    path = folder / f"{space[:16]}-{sequence:012d}.json"
    paths = _data_paths(path)
    try:
        make_private_folder(folder)
        _write_array(paths["ids"], index.ids)
        _write_array(paths["descriptors"], index.descriptors)
        manifest = Manifest(
            space=space,
            sequence=sequence,
            count=len(index),
            dim=index.dim,
            sha256={part: _sha256(path) for part, path in paths.items()},
            bytes={part: path.stat().st_size for part, path in paths.items()},
            modified_ns={part: path.stat().st_mtime_ns for part, path in paths.items()},
        )
        text = json.dumps(asdict(manifest)).encode()
        _write_durably(path, lambda stream: stream.write(text))
    except OSError as error:
        raise OutputError(
            f"The index cannot be written to {folder}: {error.strerror or error}.",
            "Check the folder and the free space of the disk; the database has everything.",
        ) from error
    return path, hashlib.sha256(text).hexdigest()


def newest_first(folder: Path, space: str) -> list[Path]:
    """The manifests of a space's generations, the highest sequence number first."""
    return sorted(folder.glob(f"{space[:16]}-*.json"), reverse=True)


def load_generation(
    manifest_path: Path, *, space: str, digest: str | None = None, verify: bool = False
) -> tuple[Manifest, Ids, Descriptors]:
    """Read a generation: its manifest, ids `(n,)` and descriptors `(n, d)`, mapped from the disk.

    The bytes are hashed where a file's size or time is not the one in the manifest, and always
    with `verify`; `digest` is the sha256 that the manifest should have. Raises `IndexDamaged`.
    """
    try:
        text = manifest_path.read_bytes()
        if digest not in (None, hashlib.sha256(text).hexdigest()):
            raise IndexDamaged(f"{manifest_path.name} is not this gallery's.", _REBUILD)
        manifest = Manifest(**json.loads(text))
        if not isinstance(manifest.sequence, int):
            raise TypeError("the sequence is no number")
        if (manifest.format, manifest.space) != (FORMAT, space):
            raise IndexDamaged(f"{manifest_path.name} is of another format or space.", _REBUILD)
        paths = _data_paths(manifest_path)
        for part, path in paths.items():
            _check_file(path, part, manifest, verify)
        ids = np.load(paths["ids"], mmap_mode="r")
        descriptors = np.load(paths["descriptors"], mmap_mode="r")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IndexDamaged(f"{manifest_path.name} cannot be read ({error}).", _REBUILD) from error
    if (
        ids.shape != (manifest.count,)
        or ids.dtype != np.int64
        or descriptors.shape != (manifest.count, manifest.dim)
        or descriptors.dtype != np.float32
    ):
        raise IndexDamaged(f"{manifest_path.name} does not fit its arrays.", _REBUILD)
    return manifest, ids, descriptors


def delete_generation(manifest_path: Path) -> None:
    """Delete a generation, its manifest first, so that no half of one is ever in force."""
    for path in (manifest_path, *_data_paths(manifest_path).values()):
        path.unlink(missing_ok=True)


def delete_others(folder: Path, space: str, keep: Path | None = None) -> None:
    """Delete all files of a space but the generation to keep, manifests first: older generations,
    and what a crash left half-written. What a living process is writing stays.
    """
    others = {*foreign_files(folder, space, keep), *_left_behind(folder.glob(f".{space[:16]}-*"))}
    for path in sorted(others, key=lambda path: (path.suffix != ".json", path)):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            # Windows keeps a file that a reader has mapped; the next save deletes it.
            continue


def foreign_files(folder: Path, space: str, keep: Path | None) -> list[Path]:
    """The files of a space that do not belong to the generation to keep."""
    kept = set() if keep is None else {keep, *_data_paths(keep).values()}
    return sorted(path for path in folder.glob(f"{space[:16]}-*") if path not in kept)


def _left_behind(paths: Iterable[Path]) -> Iterator[Path]:
    """Half-written files whose writer has ended, or that are older than any writing takes."""
    now = time.time()
    for path in paths:
        try:
            if now - path.stat().st_mtime > STALE_SECONDS or not _is_running(path.suffix[1:]):
                yield path
        except FileNotFoundError:
            continue


def _is_running(process: str) -> bool:
    """Whether a process of that number runs; yes, where the system cannot be asked."""
    if os.name != "posix" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _check_file(path: Path, part: str, manifest: Manifest, verify: bool) -> None:
    status = path.stat()
    if status.st_size != manifest.bytes[part]:
        raise IndexDamaged(
            f"{path.name} has {status.st_size} bytes in the place of {manifest.bytes[part]}.",
            _REBUILD,
        )
    touched = status.st_mtime_ns != manifest.modified_ns[part]
    if (verify or touched) and _sha256(path) != manifest.sha256[part]:
        raise IndexDamaged(f"{path.name} is not what was written.", _REBUILD)


def _data_paths(manifest_path: Path) -> dict[str, Path]:
    stem = manifest_path.name.removesuffix(".json")
    return {part: manifest_path.with_name(f"{stem}.{part}.npy") for part in ("ids", "descriptors")}


def _write_array(path: Path, array: np.ndarray) -> None:
    def write(stream: BinaryIO) -> None:
        np.lib.format.write_array(stream, array, allow_pickle=False)

    _write_durably(path, write)


def _write_durably(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write aside, sync, rename: a reader sees the whole file or none of it."""
    aside = aside_of(path)
    with replacing(path, aside, sync=True), aside.open("wb") as stream:
        write(stream)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
