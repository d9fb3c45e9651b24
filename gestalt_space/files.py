"""New files: they appear when they are whole, none takes the place of another unasked, and all are
their owner's alone from the first byte, whatever the user's umask lets others do.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedWriter, TextIOWrapper
from pathlib import Path
from typing import IO, Any, Literal, overload

from gestalt_space.errors import OutputError, UsageError
from gestalt_space.paths import display_name, short_name

BinaryMode = Literal["wb", "ab"]
TextMode = Literal["w", "a"]


def check_new_file(
    path: Path,
    endings: Sequence[str] = (),
    *,
    overwrite: bool = False,
    option: str = "--overwrite",
) -> None:
    """Raise where no new file can be written to `path`, before any work is done for it.

    `UsageError` for an ending that is none of `endings`, where there are any; `OutputError` for a
    folder that is not there, or a file that is and may not be overwritten. `option`: that of the
    command by which it may.
    """
    if endings and path.suffix.lower() not in endings:
        *others, last = endings
        told = f"ends in none of {', '.join(others)} and" if others else "does not end in"
        raise UsageError(
            f"{display_name(path.name)} {told} {last}.", "Name the file so that it does."
        )
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {display_name(path.parent)}.", "Make it first.")
    check_free(path, overwrite, option)


def check_free(path: Path, overwrite: bool, option: str = "--overwrite") -> None:
    """Raise `OutputError` for a file that is there and may not be overwritten."""
    if path.exists() and not overwrite:
        raise OutputError(f"{display_name(path)} exists.", f"Choose another place, or {option} it.")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears when it is whole. Raises `OutputError`."""
    with appearing(path) as aside:
        aside.write_bytes(data)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A place beside `path`, which takes its name when all is written. Raises `OutputError`.

    An empty file stands there already, its owner's alone: what is written into it keeps that.
    """
    aside = aside_of(path)
    try:
        with replacing(path, aside):
            yield aside
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def replacing(path: Path, aside: Path, *, sync: bool = False) -> Iterator[None]:
    """Lets the file `aside`, made here, take the place of `path` when all went well; with `sync`
    its bytes reach the disk before its name does. Raises `OSError`.
    """
    aside.unlink(missing_ok=True)
    try:
        os.close(_owners_alone(os.fspath(aside), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        yield
        if sync:
            with aside.open("rb+") as stream:
                os.fsync(stream.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def aside_of(path: Path) -> Path:
    """Where a file is written before it takes the name `path`; the process's number comes last."""
    return path.with_name(f".{short_name(path.name)}.{os.getpid()}")


@overload
def open_private(path: Path, mode: BinaryMode) -> BufferedWriter: ...
@overload
def open_private(path: Path, mode: TextMode) -> TextIOWrapper: ...
def open_private(path: Path, mode: BinaryMode | TextMode) -> IO[Any]:
    """Open a file to write it, bytes or UTF-8 text; one that is made is its owner's alone.

    In text, halves of characters are replaced, and ends of lines stay as they are. Raises
    `OSError`.
    """
    if mode in ("wb", "ab"):
        return open(path, mode, opener=_owners_alone)
    return open(path, mode, encoding="utf-8", errors="replace", newline="", opener=_owners_alone)


def write_private(path: Path, data: bytes) -> None:
    """Write a file, its owner's alone, where none sees it before it is whole. Raises `OSError`."""
    with open_private(path, "wb") as stream:
        stream.write(data)


def make_private_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, its owner's alone. Raises `OSError`."""
    # Not by `Path.mkdir(parents=True)`: it gives those above the rights that the umask leaves.
    missing = list(itertools.takewhile(lambda place: not place.is_dir(), (folder, *folder.parents)))
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)


def _owners_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error for what the system refused to write."""
    return OutputError(
        f"{display_name(path)} cannot be written: {error.strerror or error}.",
        "Check the permissions and the free space of the disk.",
    )
