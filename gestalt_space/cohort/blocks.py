"""Matrices larger than memory: written to a `.npy` file tile by tile, and continued after an
interruption.

The values are those of `matrix.similarity_matrix`; besides the descriptors, only one tile is in
memory. Read the file with `numpy.load(path, mmap_mode="r")`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import (
    check_new_file,
    open_private,
    sync,
    sync_file,
    take_name,
    write_atomically,
)
from gestalt_space.cohort.matrix import TILE, transposed, upper_tiles
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.file_lock import try_lock
from gestalt_space.progress import Progress, no_progress
from gestalt_space.types import Descriptors

Number = Literal["float32", "float16"]
NUMBERS: tuple[Number, ...] = ("float32", "float16")
PROGRESS_VERSION = 1
SYNC_EVERY = 10.0
"""Seconds after which what was written is brought to disk, and counts as done."""
_PENDING = 2
"""Tiles that are written, or wait for it, while another is computed."""


@dataclass(frozen=True, slots=True)
class BlockProgress:
    """The progress of a file: its first `rows_done` rows, and their mirror images below them, are
    on disk.

    `inputs`: sha256 of descriptors and names. `block`: rows between two records.
    """

    inputs: str
    space: str
    value: str
    number: str
    count: int
    block: int
    rows_done: int = 0
    version: int = PROGRESS_VERSION


def write_matrix_in_blocks(
    descriptors: Descriptors,
    names: Sequence[str],
    path: Path,
    *,
    space: str = "",
    distance: bool = False,
    number: Number = "float32",
    block: int = TILE,
    overwrite: bool = False,
    on_rows: Progress = no_progress,
    on_whole: Callable[[], None] = lambda: None,
    sync_every: float = SYNC_EVERY,
) -> None:
    """Write the matrix of all pairs `(n, n)` of descriptors `(n, d)` of unit length to a `.npy`
    file.

    Until it is complete, `PATH.part` holds the values and `PATH.part.json` the progress, recorded
    every `sync_every` seconds; a call with the same inputs continues from there. The file gets its
    own name when it is complete. `on_rows` is called with the number of rows done and of all rows,
    `on_whole` just before the file appears. Raises `OutputError` if `path` exists, if another
    process writes it, if the unfinished file has other inputs (unless `overwrite`), or if the disk
    is full: all space is allocated at the start.
    """
    if len(names) != len(descriptors):
        raise UsageError(
            f"There are {len(names)} names for {len(descriptors)} rows.",
            "Give one name for each row.",
        )
    if not len(descriptors):
        raise UsageError("There are no descriptors.", "Choose at least one photo.")
    check_new_file(path, (".npy",), overwrite=overwrite)
    rows = np.ascontiguousarray(descriptors, np.float32)
    fresh = BlockProgress(
        inputs=inputs_digest(rows, names),
        space=space,
        value="distance" if distance else "similarity",
        number=number,
        count=len(rows),
        block=block,
    )
    part = path.with_name(f"{path.name}.part")
    record = path.with_name(f"{path.name}.part.json")
    header = _header(len(rows), number)
    size = len(header) + len(rows) ** 2 * np.dtype(number).itemsize
    with _told(path), _alone(part):
        begun = _begun(part, record, fresh, size, overwrite)
        if begun is None:
            begun = fresh
            # The record first: values without one would be anybody's.
            _keep(record, begun)
            _take_room(part, record, header, size)
        _fill(part, record, rows, begun, len(header), on_rows, sync_every)
        on_whole()
        sync_file(part)
        take_name(part, path)
        record.unlink()


def _fill(
    part: Path,
    record: Path,
    rows: Descriptors,
    begun: BlockProgress,
    offset: int,
    on_rows: Progress,
    sync_every: float,
) -> None:
    """Compute the tiles that are left, while another thread writes those that are done."""
    tiles = upper_tiles(
        rows,
        distance=begun.value == "distance",
        tile=begun.block,
        first=begun.rows_done,
        held=_PENDING,
    )
    with part.open("r+b", buffering=0) as file, ThreadPoolExecutor(1) as writer:
        pending: deque[Future[None]] = deque()

        def then(work: Callable[[], None]) -> None:
            pending.append(writer.submit(work))
            while len(pending) > _PENDING:
                pending.popleft().result()

        def write(tile: NDArray[np.float32], top: int, left: int) -> None:
            _put(file, tile.astype(begun.number, copy=False), top, left, begun.count, offset)
            if left > top:
                below = transposed(tile).astype(begun.number, copy=False)
                _put(file, below, left, top, begun.count, offset)

        def keep(done: int) -> None:
            # Rows are done once they are on disk, and not before: the power may be cut.
            sync(file)
            _keep(record, begun, done)

        kept, is_long = monotonic(), begun.rows_done > 0
        for top, left, tile in tiles:
            then(partial(write, tile, top, left))
            done = top + tile.shape[0]
            if left + tile.shape[1] < begun.count or done == begun.count:
                continue
            if monotonic() - kept >= sync_every:
                then(partial(keep, done))
                kept, is_long = monotonic(), True
            on_rows(done, begun.count)
        for rest in pending:
            rest.result()
        if is_long:
            keep(begun.count)
        on_rows(begun.count, begun.count)


def _put(
    file: io.FileIO, values: NDArray[Any], top: int, left: int, count: int, offset: int
) -> None:
    """Write a tile to its place, with plain writes, whose pages do not count as memory of this
    process."""
    for row, line in enumerate(values, start=top):
        file.seek(offset + (row * count + left) * values.itemsize)
        data = line.data.cast("B")
        while data:
            data = data[file.write(data) :]


def _begun(
    part: Path, record: Path, fresh: BlockProgress, size: int, overwrite: bool
) -> BlockProgress | None:
    """The state left by an earlier call, None if there is nothing to continue."""
    if not part.stat().st_size:
        return None
    try:
        told = BlockProgress(**json.loads(record.read_text(encoding="utf-8")))
        whole = part.stat().st_size == size
        numbers = (told.rows_done, told.count, told.block)
        sound = all(type(one) is int for one in numbers) and told.block > 0
        sound &= 0 <= told.rows_done <= told.count
        sound &= told.rows_done % told.block == 0 or told.rows_done == told.count
    except (OSError, ValueError, TypeError):
        told, whole, sound = None, False, False
    same = told is not None and asdict(told) == {
        **asdict(fresh),
        "block": told.block,
        "rows_done": told.rows_done,
    }
    if same and whole and sound:
        return told
    if same and sound and told is not None and not told.rows_done:
        return None  # killed while its room was taken
    if overwrite:
        return None
    raise OutputError(
        f"{part} was started with other photos or options."
        if told is not None and not same
        else f"{part} or its progress file is damaged.",
        "Choose another file, or use --overwrite to start over.",
    )


def inputs_digest(rows: Descriptors, names: Sequence[str]) -> str:
    """sha256 of what a matrix is computed from."""
    digest = hashlib.sha256(f"{rows.shape}".encode())
    digest.update(rows.data.cast("B"))
    digest.update(json.dumps(list(map(str, names))).encode("utf-8"))
    return digest.hexdigest()


def _header(count: int, number: Number) -> bytes:
    stream = io.BytesIO()
    described: dict[str, Any] = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(number)),
        "fortran_order": False,
        "shape": (count, count),
    }
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue()


@contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Lock a file against other processes that would write it; it is created if necessary."""
    open_private(part, "ab").close()
    with try_lock(part) as is_mine:
        if is_mine is False:
            raise OutputError(
                f"{part} is being written by another process.",
                "Wait until it has finished, or choose another file.",
            )
        try:
            yield
        finally:
            if part.exists() and not part.stat().st_size:
                part.unlink()


def _take_room(part: Path, record: Path, header: bytes, size: int) -> None:
    with open_private(part, "wb") as stream:
        try:
            stream.write(header)
            stream.flush()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
            else:
                stream.truncate(size)
        except OSError:
            stream.truncate(0)
            record.unlink(missing_ok=True)
            raise


def _keep(record: Path, begun: BlockProgress, rows_done: int = 0) -> None:
    text = json.dumps({**asdict(begun), "rows_done": rows_done}, indent=2)
    write_atomically(record, text.encode())


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}.",
            "Check the permissions and the free disk space. Finished rows are kept.",
        ) from error
