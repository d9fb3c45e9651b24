"""Manifests: which files are a space's index, and what is in them. The database knows the right one
by its sha256, and nothing else is believed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.checksums import REBUILD, FileRecord, record_file
from gestalt_space.index.durable import new_file, prefix_of, unique_name, write_array, writing
from gestalt_space.index.mapped import map_array
from gestalt_space.index.means import MeansRecord
from gestalt_space.index.segment import SegmentRecord

FORMAT = 2
_DIGITS = 24
_OURS = re.compile(r"\.?[0-9a-f]{16}-[0-9a-f]")
"""How the names of all files of an index begin, see `prefix_of`."""


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A file of named int64 arrays, one after the other: `sections` are their lengths in order."""

    name: str
    file: FileRecord
    sections: dict[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The index of a space, `space` its fingerprint, up to the change `sequence`.

    Of several parts with `people` or `means`, what stands in a later one holds. `approximate`: at
    most one of a kind.
    """

    space: str
    dim: int
    sequence: int
    segments: tuple[SegmentRecord, ...] = ()
    people: tuple[PartRecord, ...] = ()
    means: tuple[MeansRecord, ...] = ()
    approximate: tuple[ApproximateRecord, ...] = ()
    format: int = FORMAT

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """All its files."""
        of_segments = (file for segment in self.segments for file in segment.files)
        of_means = (file for part in self.means for file in part.files)
        of_people = (part.file for part in self.people)
        of_others = (one.file for one in self.approximate)
        return *of_segments, *of_means, *of_people, *of_others


def save_manifest(folder: Path, manifest: Manifest) -> str:
    """Write a manifest and return its sha256 in hex. Raises `OutputError`."""
    text = _text(manifest)
    digest = hashlib.sha256(text).hexdigest()
    with writing(folder), new_file(manifest_path(folder, manifest.space, digest)) as stream:
        stream.write(text)
    return digest


def load_manifest(folder: Path, space: str, digest: str) -> Manifest:
    """The manifest of a space with that sha256.

    Raises `IndexDamaged` where it is missing, changed, or of another space or format.
    """
    path = manifest_path(folder, space, digest)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise IndexDamaged(f"{path.name} cannot be read ({error.strerror}).", REBUILD) from error
    if hashlib.sha256(text).hexdigest() != digest:
        raise IndexDamaged(f"{path.name} belongs to another gallery.", REBUILD)
    try:
        read = json.loads(text)
        if (read["format"], read["space"]) != (FORMAT, space):
            raise IndexDamaged(f"{path.name} has another format or space.", REBUILD)
        return Manifest(
            **read
            | {
                "segments": tuple(map(_segment, read["segments"])),
                "people": tuple(map(_part, read["people"])),
                "means": tuple(map(_means, read["means"])),
                "approximate": tuple(map(_approximate, read.get("approximate", ()))),
            }
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise IndexDamaged(f"{path.name} cannot be read ({error}).", REBUILD) from error


def manifest_path(folder: Path, space: str, digest: str) -> Path:
    """Where the manifest of a space with that sha256 stands."""
    return folder / f"{prefix_of(space)}{digest[:_DIGITS]}.json"


def write_arrays(folder: Path, prefix: str, arrays: Mapping[str, NDArray[np.int64]]) -> PartRecord:
    """Write int64 arrays, 1-D each, into one file. `prefix` is the space's fingerprint.

    Raises `OutputError`.
    """
    name = unique_name(prefix)
    whole = np.concatenate([np.zeros(0, dtype=np.int64), *arrays.values()])
    with writing(folder):
        path = folder / f"{name}.people.npy"
        write_array(path, whole.astype("<i8", copy=False))
        return PartRecord(name, record_file(path), {key: len(a) for key, a in arrays.items()})


def open_arrays(folder: Path, record: PartRecord) -> dict[str, NDArray[np.int64]]:
    """The arrays of a part, mapped: views that cannot be written to. Raises `IndexDamaged`."""
    ends = np.cumsum([0, *record.sections.values()])
    whole = map_array(folder, record.file, (int(ends[-1]),), "<i8", hashed=True).array
    return {
        key: whole[start:end].view(np.int64)
        for key, start, end in zip(record.sections, ends[:-1], ends[1:], strict=True)
    }


def unnamed_files(folder: Path, space: str, manifest: Manifest | None) -> list[Path]:
    """The files of a space that a manifest does not name, half-written ones among them."""
    named = set()
    if manifest is not None:
        digest = hashlib.sha256(_text(manifest)).hexdigest()
        named = {
            manifest_path(folder, space, digest),
            *(folder / file.name for file in manifest.files),
        }
    return sorted(path for path in _files(folder, space) if path not in named)


def files_of_space(folder: Path, space: str) -> list[tuple[Path, int]]:
    """The files of a space with their bytes; those that go meanwhile are passed over."""
    found = []
    for path in sorted(_files(folder, space)):
        with suppress(FileNotFoundError):
            found.append((path, path.stat().st_size))
    return found


def delete_unnamed(folder: Path, space: str, manifest: Manifest | None) -> None:
    """Delete the files of a space that a manifest does not name; all of them for None.

    For whoever holds the home's lock, with the manifest that the database has. What the system
    refuses is passed over: Windows keeps a file that a reader has mapped.
    """
    for path in unnamed_files(folder, space, manifest):
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue


def foreign_files(folder: Path, spaces: Collection[str]) -> list[Path]:
    """Files that are named as those of an index, half-written ones among them, of none of some
    spaces by their fingerprints."""
    if not folder.is_dir():
        return []
    known = tuple(map(prefix_of, spaces))
    return sorted(
        path
        for path in folder.iterdir()
        if _OURS.match(path.name) and not path.name.removeprefix(".").startswith(known)
    )


def _files(folder: Path, space: str) -> Iterator[Path]:
    for pattern in (f"{prefix_of(space)}*", f".{prefix_of(space)}*"):
        yield from folder.glob(pattern)


def _text(manifest: Manifest) -> bytes:
    return json.dumps(asdict(manifest), allow_nan=False).encode()


def _file(read: dict[str, Any]) -> FileRecord:
    return FileRecord(read["name"], read["bytes"], tuple(read["sha256"]))


def _segment(read: dict[str, Any]) -> SegmentRecord:
    files = {part: _file(read[part]) for part in ("vectors", "codes", "columns")}
    return SegmentRecord(**read | files)


def _means(read: dict[str, Any]) -> MeansRecord:
    return MeansRecord(**read | {part: _file(read[part]) for part in ("keys", "means")})


def _part(read: dict[str, Any]) -> PartRecord:
    return PartRecord(read["name"], _file(read["file"]), read["sections"])


def _approximate(read: dict[str, Any]) -> ApproximateRecord:
    return ApproximateRecord(**read | {"file": _file(read["file"])})
