"""A matrix as a Zarr array (version 3), one file a chunk, each written by whoever computed it.

The place of a chunk is its number among the rows and among the columns of chunks. A chunk file
appears when it is whole and on the disk, so that whether it is there says whether it is done.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gestalt_space.atomic_files import make_private_folder, replacing
from gestalt_space.cohort.blocks import Number
from gestalt_space.cohort.matrix import CELL, TILE, Matrix, fill_tile, transposed
from gestalt_space.cohort.tables import INSTALL_HINT
from gestalt_space.cohort.workers import Source, check_handed, taken
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.paths import display_name
from gestalt_space.types import Descriptors

Place = tuple[int, int]
METADATA = "zarr.json"
CHUNKS = "c"
"""The folder of chunks, as Zarr names it."""
_CHECKSUM = 4
"""Bytes of a CRC-32C at the end of each chunk."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The chunks of a matrix `(count, count)`: all are squares of `side` rows, those at the ends
    too, where what lies outside the matrix is NaN."""

    count: int
    side: int
    number: Number

    @classmethod
    def of(cls, count: int, number: Number) -> Grid:
        """Chunks of at most `TILE` rows, whose sides are whole cells, with little room left over
        at the ends."""
        if count <= CELL:
            return cls(count, count, number)
        parts = -(-count // TILE)
        return cls(count, -(-count // (parts * CELL)) * CELL, number)

    @property
    def parts(self) -> int:
        """Chunks in a row, and in a column."""
        return -(-self.count // self.side)

    @property
    def chunk_bytes(self) -> int:
        """The size of each chunk file."""
        return self.side**2 * np.dtype(self.number).itemsize + _CHECKSUM

    def upper(self) -> Iterator[Place]:
        """The places on and above the diagonal, by rows."""
        return ((row, column) for row in range(self.parts) for column in range(row, self.parts))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A tile that is written: its place on or above the diagonal, and what multiplied there."""

    place: Place
    computed_by: str


@dataclass(frozen=True)
class ChunkWriter:
    """Computes tiles of the descriptors `(n, d)` that it takes from `source`, and writes them, and
    their mirror images, into a folder. Where the source is gone, nothing is written any more: the
    matrix is whole, or another one takes its place."""

    folder: Path
    grid: Grid
    distance: bool
    source: Source

    def __call__(self, place: Place) -> Receipt:
        """Compute and write one tile; the process must multiply with one thread. Raises
        `OutputError`."""
        with chunks_kept(self.folder):
            rows, side = self._rows, self.grid.side
            top, left = (one * side for one in place)
            shape = min(side, len(rows) - top), min(side, len(rows) - left)
            tile = fill_tile(np.empty(shape, np.float32), rows, top, left, distance=self.distance)
            self._write(place, tile)
            if place[0] != place[1]:
                self._write(place[::-1], transposed(tile))
            return Receipt(place, products_library())

    @cached_property
    def _rows(self) -> Descriptors:
        return taken(self.source)

    def _write(self, place: Place, tile: Matrix) -> None:
        data = encoded(tile, self.grid)
        check_handed(self.source)
        path = chunk_path(self.folder, place)
        make_private_folder(path.parent)
        # Its name may be lost with the power; then it is computed again.
        with replacing(path, name_later=True) as aside:
            aside.write_bytes(data)


def chunk_path(folder: Path, place: Place) -> Path:
    """The file of a chunk."""
    return folder / CHUNKS / str(place[0]) / str(place[1])


def encoded(tile: Matrix, grid: Grid) -> bytes:
    """The bytes of a chunk file: rows of little-endian numbers, and their CRC-32C."""
    from google_crc32c import value

    whole = np.full((grid.side, grid.side), np.nan, np.dtype(grid.number).newbyteorder("<"))
    whole[: tile.shape[0], : tile.shape[1]] = tile
    data = whole.tobytes()
    return data + int(value(data)).to_bytes(_CHECKSUM, "little")


def check_zarr() -> None:
    """Raise `UsageError` without Zarr, or without what computes its checksums."""
    missing = [name for name in ("zarr", "google_crc32c") if find_spec(name) is None]
    if missing:
        raise UsageError(f"A .zarr file needs {missing[0]}, which is not installed.", INSTALL_HINT)


def metadata_of(grid: Grid, attributes: Mapping[str, Any]) -> bytes:
    """The file that makes a folder of chunks a Zarr array.

    Chunks are not compressed: that would save a tenth, for the last digits of similarities are
    noise, and the size would not be known before.
    """
    import zarr

    found: dict[str, Any] = {}
    zarr.create_array(
        zarr.storage.MemoryStore(found),
        shape=(grid.count, grid.count),
        chunks=(grid.side, grid.side),
        dtype=grid.number,
        compressors=[zarr.codecs.Crc32cCodec()],
        fill_value=float("nan"),
        attributes=dict(attributes),
    )
    return bytes(found[METADATA].to_bytes())


@contextmanager
def chunks_kept(path: Path) -> Iterator[None]:
    """What the system refuses within is an `OutputError` that says how to go on."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{display_name(error.filename or path)} cannot be written or read: "
            f"{error.strerror or error}.",
            "Check the permissions and the free disk space. Finished chunks are kept: run the "
            "same command again to continue.",
        ) from error


@functools.cache
def products_library() -> str:
    """What multiplies in this process: the library, its version, and the processor for which it
    chose its code. Two of them may differ in the last bits."""
    from threadpoolctl import threadpool_info

    found = [one for one in threadpool_info() if one["user_api"] == "blas"]
    # SciPy and others may bring one of their own.
    found = [one for one in found if "numpy" in one["filepath"]] or found
    named = ("internal_api", "version", "architecture")
    told = [" ".join(str(one[name]) for name in named if one.get(name)) for one in found]
    return ", ".join(sorted(set(told))) or "unknown"
