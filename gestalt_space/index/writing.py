"""Segments are written here, block by block: new ones, and several merged into one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import check_descriptors
from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import REBUILD, FileRecord, record_file
from gestalt_space.index.codes import Codes, encode, header, scale_of
from gestalt_space.index.durable import new_file, unique_name, write_array, write_header, writing
from gestalt_space.index.integers import ZERO
from gestalt_space.index.segment import REMOVED, SearchRows, SegmentRecord, blocks_of, rows_at_once
from gestalt_space.types import Descriptors, Ids

Blocks = Callable[[], Iterator[Descriptors]]


def write_segment(
    folder: Path,
    space: str,
    ids: Ids,
    patients: Ids,
    ages: NDArray[np.float64],
    sites: Ids,
    vectors: Descriptors,
) -> SegmentRecord:
    """Write `n` rows as a segment of a space, one or more; `space` is the fingerprint.

    See `SearchRows` for the columns; `ids` ascend. All is synced, and no manifest names it yet.
    Raises `DescriptorError` for a row that is no finite unit vector, `IndexDamaged` for columns
    that do not fit or ids that do not ascend, `OutputError`.
    """
    columns = stack_columns(ids, patients, ages, sites)
    if len(vectors) != columns.shape[1]:
        raise IndexDamaged(f"{len(vectors)} rows were given with {len(ids)} ids.", REBUILD)
    return _write(folder, space, columns, vectors.shape[1], partial(blocks_of, vectors))


def merge_segments(
    folder: Path, space: str, segments: Sequence[SearchRows]
) -> SegmentRecord | None:
    """Write what is not removed of one or more segments as one; None where nothing is left.

    Holds some megabytes beside the columns, whatever their size. Raises as `write_segment` does,
    and `IndexDamaged` for an id that two of them have.
    """
    kept = [np.flatnonzero(part.patients != REMOVED) for part in segments]
    source = np.repeat(np.arange(len(segments)), [len(rows) for rows in kept])
    row = np.concatenate(kept)
    if not len(row):
        return None
    columns = np.concatenate(
        [
            stack_columns(part.ids, part.patients, part.ages, part.sites)[:, rows]
            for part, rows in zip(segments, kept, strict=True)
        ],
        axis=1,
    )
    order = np.argsort(columns[0], kind="stable")
    blocks = partial(_gathered, segments, source[order], row[order])
    return _write(folder, space, columns[:, order], segments[0].vectors.shape[1], blocks)


def stack_columns(
    ids: Ids, patients: Ids, ages: NDArray[np.float64], sites: Ids
) -> NDArray[np.int64]:
    """Columns `(n,)` each as they stand in a file: `(4, n)`. Raises `IndexDamaged`."""
    try:
        bits = np.ascontiguousarray(ages, dtype=np.float64).view(np.int64)
        return np.stack([np.asarray(c, dtype=np.int64) for c in (ids, patients, bits, sites)])
    except ValueError as error:
        raise IndexDamaged("The columns of a segment differ in length.", REBUILD) from error


def write_columns(folder: Path, name: str, columns: NDArray[np.int64]) -> FileRecord:
    """Write the columns of the segment of that name, as a file of a new name. Raises `OSError`."""
    path = folder / f"{name}.{uuid.uuid4().hex[:12]}.columns.npy"
    write_array(path, np.ascontiguousarray(columns, dtype="<i8"))
    return record_file(path)


def _gathered(segments: Sequence[SearchRows], source: Ids, row: Ids) -> Iterator[Descriptors]:
    """The rows `row` of the segments `source`, in their order, block by block."""
    dim = segments[0].vectors.shape[1]
    step = rows_at_once(dim)
    for start in range(0, len(row), step):
        wanted, places = source[start : start + step], row[start : start + step]
        block = np.empty((len(places), dim), dtype=np.float32)
        for number in np.unique(wanted):
            of_it = wanted == number
            block[of_it] = segments[number].vectors[places[of_it]]
        yield block


def _write(
    folder: Path, space: str, columns: NDArray[np.int64], dim: int, blocks: Blocks
) -> SegmentRecord:
    ids, patients = columns[:2]
    if not len(ids) or ids[0] < 0 or (np.diff(ids) <= 0).any() or (patients < 0).any():
        raise IndexDamaged("The ids of the rows of a segment are not in order from 0.", REBUILD)
    name = unique_name(space)
    with writing(folder):
        vectors = folder / f"{name}.vectors.npy"
        greatest = _write_vectors(vectors, (len(ids), dim), blocks)
        codes = folder / f"{name}.codes.faiss"
        scale = scale_of(greatest)
        error = _write_codes(codes, (len(ids), dim), blocks, scale)
        return SegmentRecord(
            name=name,
            rows=len(ids),
            removed=0,
            dim=dim,
            scale=scale,
            error=error,
            vectors=record_file(vectors),
            codes=record_file(codes),
            columns=write_columns(folder, name, columns),
        )


def _write_vectors(path: Path, shape: tuple[int, int], blocks: Blocks) -> float:
    """Write vectors; returns their greatest component without its sign."""
    greatest = 0.0
    with new_file(path) as stream:
        write_header(stream, shape, "<f4")
        for block in blocks():
            checked = check_descriptors(block, shape[1])
            greatest = max(greatest, float(np.abs(checked).max()))
            stream.write(checked.astype("<f4", copy=False).data)
    return greatest


def _write_codes(path: Path, shape: tuple[int, int], blocks: Blocks, scale: float) -> float:
    """Write codes, and read them as FAISS does; returns the greatest error of a row."""
    greatest = 0.0
    first = last = np.zeros(0, dtype=np.uint8)
    with new_file(path) as stream:
        stream.write(header(*shape))
        for block in blocks():
            codes, errors = encode(block, scale)
            greatest = max(greatest, float(errors.max()))
            first, last = first if len(first) else codes[0], codes[-1]
            stream.write(codes.data)
    Codes(path, path.stat().st_size, *shape).check_place(
        first.astype(np.float32) - ZERO, last.astype(np.float32) - ZERO
    )
    return greatest
