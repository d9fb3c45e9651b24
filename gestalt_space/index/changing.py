"""What may be changed of a segment: rows are removed, facts are corrected; and its verification.

A removal overwrites a row's vector and codes where they lie, so that the disk keeps no copy.
Columns are few bytes and are written anew, so that who reads the old ones is not disturbed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import sync
from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import (
    CHUNK,
    REBUILD,
    FileRecord,
    check_file,
    check_size,
    hash_again,
)
from gestalt_space.index.codes import encode, first_code
from gestalt_space.index.durable import writing
from gestalt_space.index.integers import ZERO
from gestalt_space.index.segment import (
    AGES,
    IDS,
    NO_SITE,
    PATIENTS,
    REMOVED,
    SITES,
    SegmentRecord,
    open_segment,
    rows_at_once,
)
from gestalt_space.index.writing import stack_columns, write_columns
from gestalt_space.types import Ids

_NO_AGE = int(np.float64(np.nan).view(np.int64))


def scrub(folder: Path, record: SegmentRecord, rows: Ids) -> SegmentRecord:
    """Overwrite the vectors and codes of rows `(m,)` by zeros, synced, and write new columns.

    May be repeated after a crash. The old columns stay until they are deleted; `blank_columns`
    takes the rows out of them as well. Raises `IndexDamaged`, `OutputError`.
    """
    rows = np.unique(np.asarray(rows, dtype=np.int64))
    segment = open_segment(folder, record)
    if len(rows) and (rows[0] < 0 or rows[-1] >= record.rows):
        raise IndexDamaged(f"{record.name} has no row {rows[-1]}.", REBUILD)
    columns = _without(
        stack_columns(segment.ids, segment.patients, segment.ages, segment.sites), rows
    )
    width = record.dim * 4
    first_vector = record.vectors.bytes - record.rows * width
    codes_at = first_code(record.codes.bytes, record.rows, record.dim)
    with writing(folder):
        vectors = overwrite(folder, record.vectors, first_vector, rows, bytes(width))
        codes = overwrite(folder, record.codes, codes_at, rows, bytes([ZERO]) * record.dim)
        return replace(
            record,
            removed=int((columns[PATIENTS] == REMOVED).sum()),
            vectors=vectors,
            codes=codes,
            columns=write_columns(folder, record.name, columns),
        )


def blank_columns(folder: Path, record: SegmentRecord, rows: Ids) -> None:
    """Take rows `(m,)` out of columns that no manifest names any more, before they are deleted.

    Whoever still reads them sees removed rows. Raises `IndexDamaged`, `OutputError`.
    """
    check_size(folder, record.columns)
    width = 8 * record.rows
    start = record.columns.bytes - 4 * width
    blank = {IDS: REMOVED, PATIENTS: REMOVED, AGES: _NO_AGE, SITES: NO_SITE}
    with writing(folder):
        for column, value in blank.items():
            data = np.array(value, dtype="<i8").tobytes()
            write_at(folder / record.columns.name, start + column * width, rows, data)


def wipe(path: Path) -> None:
    """Overwrite a whole file by zeros, synced, before it is deleted; one that is gone is passed
    over. Raises `OutputError`."""
    with writing(path.parent):
        if not path.exists():
            return
        size = path.stat().st_size
        with path.open("r+b") as stream:
            for start in range(0, size, CHUNK):
                stream.write(bytes(min(CHUNK, size - start)))
            sync(stream)


def wipe_away(paths: Sequence[Path]) -> None:
    """Overwrite files by zeros, synced, and delete them; those that are gone are passed over.

    Raises `OutputError`.
    """
    for path in paths:
        wipe(path)
        with writing(path.parent):
            path.unlink(missing_ok=True)


def with_columns(
    folder: Path, record: SegmentRecord, ages: NDArray[np.float64], sites: Ids
) -> SegmentRecord:
    """Write new columns with corrected ages and sites, `(n,)` each.

    Raises `IndexDamaged`, `OutputError`.
    """
    segment = open_segment(folder, record)
    columns = stack_columns(segment.ids, segment.patients, ages, sites)
    gone = np.flatnonzero(columns[PATIENTS] == REMOVED)
    with writing(folder):
        written = write_columns(folder, record.name, _without(columns, gone))
    return replace(record, columns=written)


def verify_segment(folder: Path, record: SegmentRecord) -> None:
    """Read a segment whole: its files are what was written, and its codes those of its vectors.

    Raises `IndexDamaged`.
    """
    for file in record.files:
        check_file(folder, file)
    segment = open_segment(folder, record)
    start = first_code(record.codes.bytes, record.rows, record.dim)
    stored = np.memmap(
        folder / record.codes.name, np.uint8, "r", start, shape=(record.rows, record.dim)
    )
    removed = segment.patients == REMOVED
    if not np.array_equal(segment.ids == REMOVED, removed) or removed.sum() != record.removed:
        raise IndexDamaged(f"{record.name} has no record of removed rows.", REBUILD)
    if segment.vectors[removed].any():
        raise IndexDamaged(f"{record.name} has vectors of removed rows.", REBUILD)
    if (np.diff(segment.ids[~removed]) <= 0).any():
        raise IndexDamaged(f"The ids of {record.name} are not in order.", REBUILD)
    step = rows_at_once(record.dim)
    for first in range(0, record.rows, step):
        codes, errors = encode(segment.vectors[first : first + step], record.scale)
        if not np.array_equal(codes, stored[first : first + step]):
            raise IndexDamaged(f"The codes of {record.name} do not match its vectors.", REBUILD)
        if errors.max() > record.error:
            raise IndexDamaged(
                f"The error of the codes of {record.name} is larger than recorded.", REBUILD
            )
    segment.codes.index  # noqa: B018 - FAISS can read them


def _without(columns: NDArray[np.int64], rows: Ids) -> NDArray[np.int64]:
    columns[IDS, rows] = columns[PATIENTS, rows] = REMOVED
    columns[AGES, rows], columns[SITES, rows] = _NO_AGE, NO_SITE
    return columns


def overwrite(folder: Path, record: FileRecord, start: int, rows: Ids, data: bytes) -> FileRecord:
    """Put `data` in the place of rows, each as long, in an array from byte `start` on, synced.

    Raises `OSError`.
    """
    write_at(folder / record.name, start, rows, data)
    return hash_again(folder, record, _ranges(start, rows, len(data)))


def write_at(path: Path, start: int, rows: Ids, data: bytes) -> None:
    """Likewise, without a record; synced. Raises `OSError`."""
    with path.open("r+b") as stream:
        for first, _ in _ranges(start, rows, len(data)):
            stream.seek(first)
            stream.write(data)
        sync(stream)


def _ranges(start: int, rows: Ids, width: int) -> Iterable[tuple[int, int]]:
    return [(start + row * width, width) for row in rows.tolist()]
