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

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.contract import VectorIndex
from gestalt_space.types import Descriptors, Ids

FORMAT = 1
STALE_SECONDS = 3600
"""Age after which a file that is still being written was left by a crash."""
_REBUILD = "Run `gestalt index rebuild`; nothing is lost, the database has everything."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation says of itself.

    `gallery`: the random name of the database that it was made from. `sequence`: the highest change
    of the database that it contains. `modified_ns` and `bytes` of the data files, as they were when
    they were written and hashed: files that still bear them are taken as they are, and others are
    hashed again.
    """

    gallery: str
    space: str
    sequence: int
    count: int
    dim: int
    sha256: dict[str, str]
    bytes: dict[str, int]
    modified_ns: dict[str, int]
    format: int = FORMAT


def save_generation(
    folder: Path, index: VectorIndex, *, gallery: str, space: str, sequence: int
) -> Path:
    """Write an index as the newest generation of a space and delete the other ones.

    `space` is the fingerprint. Returns the manifest's path. A crash at any point leaves the older
    generation in force, or none where that one bore the same number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{space[:16]}-{sequence:012d}"
    paths = _data_paths(folder / stem)
    _write_array(paths["ids"], index.ids)
    _write_array(paths["descriptors"], index.descriptors)
    manifest = Manifest(
        gallery=gallery,
        space=space,
        sequence=sequence,
        count=len(index),
        dim=index.dim,
        sha256={part: _sha256(path) for part, path in paths.items()},
        bytes={part: path.stat().st_size for part, path in paths.items()},
        modified_ns={part: path.stat().st_mtime_ns for part, path in paths.items()},
    )
    path = folder / f"{stem}.json"
    _write_atomically(path, lambda stream: stream.write(json.dumps(asdict(manifest)).encode()))
    _delete_others(folder, path)
    return path


def newest_first(folder: Path, space: str) -> list[Path]:
    """The manifests of a space's generations, the highest sequence number first."""
    return sorted(folder.glob(f"{space[:16]}-*.json"), reverse=True)


def load_generation(
    manifest_path: Path, *, gallery: str, space: str, verify: bool = False
) -> tuple[Manifest, Ids, Descriptors]:
    """Read a generation: its manifest, ids `(n,)` and descriptors `(n, d)`, mapped from the disk.

    The bytes are hashed where a file's size or time is not the one in the manifest, and always
    with `verify`. Raises `IndexDamaged`.
    """
    try:
        manifest = Manifest(**json.loads(manifest_path.read_text(encoding="utf-8")))
        if (manifest.format, manifest.gallery, manifest.space) != (FORMAT, gallery, space):
            raise IndexDamaged(
                f"{manifest_path.name} is of another format, gallery or space.", _REBUILD
            )
        paths = _data_paths(manifest_path)
        for part, path in paths.items():
            _check_file(path, part, manifest, verify)
        ids = np.load(paths["ids"], mmap_mode="r")
        descriptors = np.load(paths["descriptors"], mmap_mode="r")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise IndexDamaged(f"{manifest_path.name} cannot be read ({error}).", _REBUILD) from error
    if (
        ids.shape != (manifest.count,)
        or ids.dtype != np.int64
        or descriptors.shape != (manifest.count, manifest.dim)
        or descriptors.dtype != np.float32
    ):
        raise IndexDamaged(f"{manifest_path.name} does not fit its arrays.", _REBUILD)
    return manifest, ids, descriptors


def _delete_others(folder: Path, manifest_path: Path) -> None:
    """Delete all other files of the same space, manifests first: older generations, and what a
    crash left half-written. What a live writer has begun is young and stays.
    """
    keep = {manifest_path, *_data_paths(manifest_path).values()}
    space = manifest_path.name.partition("-")[0]
    others = {*folder.glob(f"{space}-*"), *_stale(folder.glob(f".{space}-*"))} - keep
    for path in sorted(others, key=lambda path: (path.suffix != ".json", path)):
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            # Windows keeps a file that a reader has mapped; the next save deletes it.
            continue


def _stale(paths: Iterable[Path]) -> Iterator[Path]:
    now = time.time()
    for path in paths:
        try:
            if now - path.stat().st_mtime > STALE_SECONDS:
                yield path
        except FileNotFoundError:
            continue


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

    _write_atomically(path, write)


def _write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write aside, sync, rename: a reader sees the whole file or none of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
