"""Arrays of `.npy` files, mapped from the disk: opening reads the header alone, and hashes small
files of keys, which all else hangs on."""

from __future__ import annotations

import io
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import REBUILD, FileRecord, check_size, check_small

_MOST_HEADER = 4096
_A_SHARE = 32
"""Where one row in so many is wanted, all are fetched: each call costs as much as a row."""


@dataclass(frozen=True, slots=True)
class MappedArray:
    """An array, and the mapping that it is a view of. Its first byte stands at `start`."""

    array: NDArray[Any]
    pages: mmap.mmap
    start: int

    def read_ahead(self, rows: NDArray[np.int64]) -> None:
        """Let the system fetch rows at once, not one page fault after the other."""
        if not hasattr(self.pages, "madvise"):
            return
        width = self.array.strides[0]
        if len(rows) * _A_SHARE > len(self.array):
            self.pages.madvise(mmap.MADV_WILLNEED)
            return
        for row in rows.tolist():
            first = self.start + row * width
            page = first - first % mmap.PAGESIZE
            self.pages.madvise(mmap.MADV_WILLNEED, page, first + width - page)


def map_array(
    folder: Path,
    record: FileRecord,
    shape: tuple[int, ...],
    dtype: str,
    *,
    hashed: bool = False,
) -> MappedArray:
    """Map the array of a `.npy` file that must have that shape and dtype, in C order.

    Raises `IndexDamaged` for a file that is missing, cut short, or holds another array. `hashed`:
    also for a small one that is not what was written; not for a file that a removal overwrites
    where it lies, which is another for a moment.
    """
    path = (check_small if hashed else check_size)(folder, record)
    try:
        with path.open("rb") as stream:
            start, found = _header(stream.read(_MOST_HEADER))
            pages = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"{record.name} cannot be read ({error}).", REBUILD) from error
    count = int(np.prod(shape, dtype=np.int64))
    kind = np.dtype(dtype)
    if found != (shape, False, kind) or start + count * kind.itemsize != record.bytes:
        raise IndexDamaged(f"{record.name} does not have the expected numbers.", REBUILD)
    array = np.frombuffer(pages, dtype=kind, count=count, offset=start).reshape(shape)
    return MappedArray(array, pages, start)


def map_bytes(path: Path, size: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Map the last bytes of a file of that size, in C order. Raises `IndexDamaged`."""
    try:
        with path.open("rb") as stream:
            pages = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise IndexDamaged(f"{path.name} cannot be read ({error}).", REBUILD) from error
    count = shape[0] * shape[1]
    if len(pages) != size or size < count:
        raise IndexDamaged(f"{path.name} does not have the expected numbers.", REBUILD)
    return np.frombuffer(pages, np.uint8, count, len(pages) - count).reshape(shape)


def map_faiss(path: Path) -> Any:
    """Map an index that FAISS reads; it must not be changed: FAISS would end the process.

    Raises `RuntimeError` for what is none, `OSError`.
    """
    import faiss

    try:
        name = str(path)
        name.encode()
    except UnicodeEncodeError:
        # FAISS takes names in UTF-8 alone: one of other bytes is named by the number of its file.
        with path.open("rb") as stream:
            return faiss.read_index(f"/dev/fd/{stream.fileno()}", faiss.IO_FLAG_MMAP_IFC)
    return faiss.read_index(name, faiss.IO_FLAG_MMAP_IFC)


def _header(data: bytes) -> tuple[int, tuple[tuple[int, ...], bool, np.dtype[np.generic]]]:
    """Where the numbers begin, and shape, whether in Fortran order, dtype. Raises `ValueError`."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        found = np.lib.format.read_array_header_1_0(stream) if version == (1, 0) else None
    except Exception as error:  # NumPy parses it as Python, and what is damaged raises anything
        raise ValueError("its header is damaged") from error
    if found is None:
        raise ValueError("another version of .npy")
    return stream.tell(), found
