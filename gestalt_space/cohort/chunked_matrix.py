"""Matrices larger than memory, and than one machine: a Zarr array, written chunk by chunk, and
continued after an interruption.

The values are those of `matrix.similarity_matrix`, to the last bit where the same library of matrix
products computed them. Read them with `zarr.open_array(path, mode="r")`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gestalt_space.atomic_files import (
    check_new_file,
    make_private_folder,
    write_atomically,
)
from gestalt_space.atomic_folders import replace_folder
from gestalt_space.cohort.blocks import Number, inputs_digest
from gestalt_space.cohort.chunks import (
    CHUNKS,
    METADATA,
    ChunkWriter,
    Grid,
    Place,
    check_zarr,
    chunk_path,
    chunks_kept,
    metadata_of,
)
from gestalt_space.cohort.matrix import sound_descriptors
from gestalt_space.cohort.workers import HANDED, SHARED, THREADS, Workers
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.file_lock import try_lock
from gestalt_space.paths import display_name
from gestalt_space.progress import Progress, no_progress
from gestalt_space.types import Descriptors

CHUNKED = ".zarr"
"""The ending of a matrix in chunks."""
RECORD = "begun.json"
RECORD_VERSION = 1
_OWN = re.compile(rf"\..*|{RECORD}|{METADATA}|{CHUNKS}|{HANDED}.*\.npy")
"""Names in an unfinished folder."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What an unfinished matrix is of. `inputs`: sha256 of descriptors and names; `computed_by`:
    what multiplied so far."""

    inputs: str
    space: str
    value: str
    number: str
    count: int
    side: int
    computed_by: tuple[str, ...] = ()
    version: int = RECORD_VERSION


def write_matrix_in_chunks(
    descriptors: Descriptors,
    names: Sequence[str],
    path: Path,
    *,
    space: str = "",
    distance: bool = False,
    number: Number = "float32",
    attributes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    workers: Workers = THREADS,
    on_tiles: Progress = no_progress,
    on_whole: Callable[[], None] = lambda: None,
) -> None:
    """Write the matrix of all pairs `(n, n)` of descriptors `(n, d)` of unit length to a `.zarr`
    folder, with `attributes`.

    Until it is complete it is `PATH.part`; a call with the same inputs continues from the chunks
    that are there. `on_tiles` is called with the number of tiles done and of all tiles, where a
    tile is a chunk and its mirror image; `on_whole` just before the folder appears. Raises
    `OutputError` if `path` exists, if another process writes it, if the unfinished folder has other
    inputs (unless `overwrite`), or if the disk has not enough room, now or later; `UsageError`
    without Zarr.
    """
    if len(names) != len(descriptors):
        raise UsageError(
            f"There are {len(names)} names for {len(descriptors)} rows.",
            "Give one name for each row.",
        )
    check_chunks_path(path, overwrite=overwrite)
    rows = sound_descriptors(descriptors)
    grid = Grid.of(len(rows), number)
    fresh = Begun(
        inputs=inputs_digest(rows, names),
        space=space,
        value="distance" if distance else "similarity",
        number=number,
        count=grid.count,
        side=grid.side,
    )
    part = path.with_name(f"{path.name}.part")
    with chunks_kept(path), _alone(part):
        begun = _begun(part, fresh, overwrite=overwrite)
        there = _whole_chunks(part, grid)
        _check_room(part, grid, there)
        # The record first: chunks without one would be anybody's.
        _keep(part, begun)
        tiles = list(grid.upper())
        missing = [place for place in tiles if not {place, place[::-1]} <= there]
        done = len(tiles) - len(missing)
        on_tiles(done, len(tiles))
        with workers.handed(rows, part) as source:
            writer = partial(ChunkWriter, part.resolve(), grid, distance, source)
            for more, receipt in enumerate(workers(writer, missing), start=1):
                _check_here(part, grid, receipt.place)
                if receipt.computed_by not in begun.computed_by:
                    everywhere = tuple(sorted({*begun.computed_by, receipt.computed_by}))
                    begun = replace(begun, computed_by=everywhere)
                    _keep(part, begun)
                on_tiles(done + more, len(tiles))
        if len(_whole_chunks(part, grid)) < grid.parts**2:
            raise OutputError(
                f"Chunks of {display_name(part)} are gone, deleted perhaps by another process.",
                "Run the same command again: it computes what is missing.",
            )
        told = {**(attributes or {}), "computed_by": list(begun.computed_by)}
        write_atomically(part / METADATA, metadata_of(grid, told))
        check_chunks_path(path, overwrite=overwrite)
        on_whole()
        replace_folder(part, path)
        (path / RECORD).unlink()


def check_chunks_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise if no `.zarr` folder can be written to `path`: `UsageError` for another ending, or
    without Zarr; `OutputError` for one that is there, unless `overwrite`, and for anything else
    that is."""
    check_zarr()
    check_new_file(path, (CHUNKED,), overwrite=overwrite)
    if path.exists() and not (path / METADATA).is_file():
        raise OutputError(f"{display_name(path)} is no Zarr array.", "Choose another path.")


def _begun(part: Path, fresh: Begun, *, overwrite: bool) -> Begun:
    """What an unfinished folder with the same inputs tells of itself; of any other one, it is made
    empty. What killed workers left half-written is deleted."""
    if foreign := _foreign(part):
        raise OutputError(
            f"{display_name(part)} has other files: {display_name(foreign[0])}.",
            "Choose another path.",
        )
    try:
        read = json.loads((part / RECORD).read_bytes())
        told = Begun(**{**read, "computed_by": tuple(read["computed_by"])})
    except (OSError, ValueError, TypeError, KeyError):
        told = None
    if told is not None and replace(told, computed_by=()) == fresh:
        for path in (
            *(*part.glob(".*"), *part.glob(f"{CHUNKS}/*/.*")),
            *part.glob(f"{HANDED}*"),
        ):
            path.unlink(missing_ok=True)
        return told
    if _has_chunks(part) and not overwrite:
        raise OutputError(
            f"{display_name(part)} is damaged."
            if told is None
            else f"{display_name(part)} was started with other photos or options.",
            "Choose another path, or use --overwrite to start over.",
        )
    for one in part.iterdir():
        shutil.rmtree(one) if one.name == CHUNKS else one.unlink()
    return fresh


def _foreign(part: Path) -> list[str]:
    """Names that none of our files has."""
    return [one.name for one in part.iterdir() if not _OWN.fullmatch(one.name)]


def _has_chunks(part: Path) -> bool:
    return any(part.glob(f"{CHUNKS}/*/*"))


def _keep(part: Path, begun: Begun) -> None:
    write_atomically(part / RECORD, json.dumps(asdict(begun), indent=2).encode())


def _whole_chunks(part: Path, grid: Grid) -> set[Place]:
    found = set()
    for row in range(grid.parts):
        folder = part / CHUNKS / str(row)
        if folder.is_dir():
            with os.scandir(folder) as files:
                found |= {
                    (row, int(file.name))
                    for file in files
                    if file.name.isdecimal() and file.stat().st_size == grid.chunk_bytes
                }
    return found


def _check_room(part: Path, grid: Grid, there: Collection[Place]) -> None:
    need = (grid.parts**2 - len(there)) * grid.chunk_bytes
    free = shutil.disk_usage(part).free
    if need > free:
        raise OutputError(
            f"The matrix needs {need / 1e9:,.1f} GB more, and the disk of {display_name(part)} "
            f"has {free / 1e9:,.1f} GB.",
            "Choose another disk, fewer photos, or --dtype float16, which takes half.",
        )


def _check_here(part: Path, grid: Grid, place: Place) -> None:
    """Raise if what a worker says it wrote is not seen here."""
    for one in (place, place[::-1]):
        path = chunk_path(part, one)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size != grid.chunk_bytes:
            raise OutputError(
                f"{display_name(path)} was written by another machine, but is not here.",
                SHARED,
            )


@contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Make the unfinished folder if necessary, and lock it against other processes."""
    make_private_folder(part)
    with try_lock(part) as is_mine:
        if is_mine is False:
            raise OutputError(
                f"{display_name(part)} is being written by another process.",
                "Wait until it has finished, or choose another path.",
            )
        try:
            yield
        finally:
            if part.is_dir() and not (_foreign(part) or _has_chunks(part)):
                shutil.rmtree(part)
