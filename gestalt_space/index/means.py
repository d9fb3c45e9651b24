"""Parts with the means of patients' descriptors: two files each, mapped when a part is opened.

`means.npy` float32 `(p, d)`, not of unit length; `keys.npy` int64 `(p,)`: whose they are,
ascending, -1 where the patient was removed. What a newer part has of a patient holds. A removal
overwrites a mean where it lies, as it does in segments.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.changing import overwrite, write_at
from gestalt_space.index.checksums import REBUILD, FileRecord, check_file, check_size, record_file
from gestalt_space.index.durable import new_file, unique_name, write_array, write_header, writing
from gestalt_space.index.mapped import map_array
from gestalt_space.index.segment import REMOVED
from gestalt_space.types import Descriptors, Ids

MeanBlocks = Iterable[tuple[Ids, NDArray[np.floating]]]
"""Keys `(b,)`, ascending through all blocks, and the means `(b, d)`."""


@dataclass(frozen=True, slots=True)
class MeansRecord:
    """What a manifest records of a part."""

    name: str
    patients: int
    dim: int
    keys: FileRecord
    means: FileRecord

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """Its two files."""
        return self.keys, self.means


@dataclass(frozen=True, slots=True, eq=False)
class MeansPart:
    """Patients' keys in the database `(p,)`, -1 where one was removed, and their means `(p, d)`
    float32: views of mapped files, or in memory."""

    keys: Ids
    means: Descriptors


def open_means(folder: Path, record: MeansRecord) -> MeansPart:
    """Map a part's files; the means are not read. Raises `IndexDamaged`."""
    means = map_array(folder, record.means, (record.patients, record.dim), "<f4").array
    keys = map_array(folder, record.keys, (record.patients,), "<i8", hashed=True).array
    return MeansPart(keys, means)


def write_means(
    folder: Path, space: str, dim: int, patients: int, blocks: MeanBlocks
) -> MeansRecord:
    """Write the means of so many patients, one or more, as a part of a space, synced.

    No manifest names it yet. Raises `IndexDamaged` for keys that do not ascend or are not so many,
    `OutputError`.
    """
    name = unique_name(space)
    with writing(folder):
        path = folder / f"{name}.means.npy"
        keys = [np.zeros(0, dtype=np.int64)]
        with new_file(path) as stream:
            write_header(stream, (patients, dim), "<f4")
            for some, means in blocks:
                keys.append(some)
                stream.write(np.ascontiguousarray(means, dtype="<f4").data)
            whole = np.concatenate(keys)
            if len(whole) != patients or whole[0] < 0 or (np.diff(whole) <= 0).any():
                raise IndexDamaged("The means do not match the patients.", REBUILD)
        return MeansRecord(name, patients, dim, _write_keys(folder, name, whole), record_file(path))


def scrub_means(folder: Path, record: MeansRecord, places: Ids) -> MeansRecord:
    """Overwrite the means at places `(m,)` by zeros, synced, and write new keys.

    May be repeated after a crash. `blank_keys` takes them out of the old keys as well. Raises
    `IndexDamaged`, `OutputError`.
    """
    keys = open_means(folder, record).keys.copy()
    keys[places] = REMOVED
    width = 4 * record.dim
    first = record.means.bytes - record.patients * width
    with writing(folder):
        means = overwrite(folder, record.means, first, places, bytes(width))
        return replace(record, keys=_write_keys(folder, record.name, keys), means=means)


def blank_keys(folder: Path, record: MeansRecord, places: Ids) -> None:
    """Take places `(m,)` out of keys that no manifest names any more, before they are deleted.

    Whoever still reads them sees removed patients. Raises `IndexDamaged`, `OutputError`.
    """
    check_size(folder, record.keys)
    removed = np.array(REMOVED, dtype="<i8").tobytes()
    with writing(folder):
        write_at(
            folder / record.keys.name, record.keys.bytes - 8 * record.patients, places, removed
        )


def verify_means(folder: Path, record: MeansRecord) -> None:
    """Read a part whole: it is what was written, and knows whose means it has.

    Raises `IndexDamaged`.
    """
    for file in record.files:
        check_file(folder, file)
    part = open_means(folder, record)
    removed = part.keys == REMOVED
    if (np.diff(part.keys[~removed]) <= 0).any():
        raise IndexDamaged(f"The keys of {record.name} are not in order.", REBUILD)
    if part.means[removed].any():
        raise IndexDamaged(f"{record.name} has means of removed patients.", REBUILD)


def _write_keys(folder: Path, name: str, keys: Ids) -> FileRecord:
    path = folder / f"{name}.{uuid.uuid4().hex[:12]}.keys.npy"
    write_array(path, np.ascontiguousarray(keys, dtype="<i8"))
    return record_file(path)
