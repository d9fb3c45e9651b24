"""How files come into an index's folder: aside, private, synced, and named when they are whole.

Names are never used twice, so that a reader's file cannot change under its name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gestalt_space.atomic_files import make_private_folder, replacing, sync_folder
from gestalt_space.errors import OutputError


def prefix_of(space: str) -> str:
    """What the names of all files of a space begin with."""
    return f"{space[:16]}-"


def unique_name(space: str) -> str:
    """A name that no file of the space has had; endings are put to it."""
    return f"{prefix_of(space)}{uuid.uuid4().hex}"


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make the folder, and its entries durable at the end. Raises `OutputError` for `OSError`."""
    try:
        make_private_folder(folder)
        yield
        sync_folder(folder)
    except OSError as error:
        raise OutputError(
            f"The index cannot be written to {folder}: {error.strerror or error}.",
            "Check the folder and the free disk space. The database has everything.",
        ) from error


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes stand at `path`, synced, once all went well. Raises `OSError`."""
    # Whoever is `writing` brings the names of all its files to the disk at once.
    with replacing(path, name_later=True) as aside, aside.open("wb") as stream:
        yield stream


def write_header(stream: BinaryIO, shape: tuple[int, ...], dtype: str) -> None:
    """Begin a `.npy` file whose `(…)` numbers in C order are written next."""
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)


def write_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write a whole `.npy` file. Raises `OSError`."""
    with new_file(path) as stream:
        np.lib.format.write_array(stream, array, allow_pickle=False)
