"""New files, written atomically: they appear when they are whole and on the disk, none takes the
place of another unasked, and all are their owner's alone from the first byte, whatever the user's
umask lets others do. Nothing else in this project gives a file its name or brings one to the disk.
"""

from __future__ import annotations

import errno
import itertools
import os
import uuid
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
    folder that is not there or takes no file, or a file that is and may not be overwritten.
    `option`: that of the command by which it may.
    """
    if endings and path.suffix.lower() not in endings:
        *others, last = endings
        told = f"does not end in {', '.join(others)} or" if others else "does not end in"
        raise UsageError(
            f"{display_name(path.name)} {told} {last}.", "Choose a file name with this ending."
        )
    check_path(path)
    if not path.parent.is_dir():
        raise OutputError(f"There is no folder {display_name(path.parent)}.", "Create it first.")
    check_free(path, overwrite, option)
    if path.exists():
        return
    # By trying: rights alone do not tell of a disk that is read-only, or full.
    try:
        aside = _made_beside(path)
        aside.unlink()
    except OSError as error:
        raise unwritable(path, error) from error


def check_path(path: Path) -> None:
    """Raise `OutputError` for a path that nothing can have here: one with a NUL, or a name that is
    too long."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error


def check_free(path: Path, overwrite: bool, option: str = "--overwrite") -> None:
    """Raise `OutputError` for a file that is there and may not be overwritten. `option`: that of
    the command by which it may, empty where there is none."""
    check_path(path)
    if path.exists() and not overwrite:
        told = f", or {option} it" if option else ""
        raise OutputError(f"{display_name(path)} exists.", f"Choose another path{told}.")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears when it is whole. Raises `OutputError`."""
    with appearing(path) as aside:
        aside.write_bytes(data)


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A place beside `path`, which takes its name when all is written. Raises `OutputError`.

    An empty file stands there already, its owner's alone: what is written into it keeps that.
    """
    check_path(path)
    try:
        with replacing(path) as aside:
            yield aside
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def replacing(path: Path, *, name_later: bool = False) -> Iterator[Path]:
    """Likewise; the bytes are on the disk before the name is, and the name is at the end, but for
    `name_later`: whoever writes several files into a folder calls `sync_folder` once. Raises
    `OSError`.
    """
    aside = _made_beside(path)
    try:
        yield aside
        sync_file(aside)
        if name_later:
            aside.replace(path)
        else:
            take_name(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def take_name(aside: Path, path: Path) -> None:
    """Give a file that is on the disk the name `path`, in the place of what bears it, for good.

    Raises `OSError`.
    """
    aside.replace(path)
    sync_folder(path.parent)


def take_folder_name(aside: Path, folder: Path) -> None:
    """Likewise a folder with all in it, whose bytes are brought to the disk first; nothing but an
    empty folder makes room for it. Raises `OSError`."""
    for place, _, names in os.walk(aside):
        for name in names:
            sync_file(Path(place, name))
        sync_folder(Path(place))
    move_folder(aside, folder)


def move_folder(folder: Path, place: Path) -> None:
    """Give a folder another name beside its own, for good. Raises `OSError`."""
    folder.rename(place)
    sync_folder(place.parent)


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk. Raises `OSError`."""
    with path.open("rb+") as stream:
        sync(stream)


def sync(stream: IO[Any]) -> None:
    """Bring what was written to a stream to the disk. Raises `OSError`."""
    stream.flush()
    os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; Windows does that by itself. Raises `OSError`."""
    if os.name != "posix":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        # Some network disks cannot, and keep names at once.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(number)


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
    """Make a folder and those above it that are missing, its owner's alone, for good.

    Raises `OSError`.
    """
    # Not by `Path.mkdir(parents=True)`: it gives those above the rights that the umask leaves.
    missing = list(itertools.takewhile(lambda place: not place.is_dir(), (folder, *folder.parents)))
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
        sync_folder(place.parent)


def _made_beside(path: Path) -> Path:
    """A new empty file beside a path, its owner's alone. Raises `OSError`."""
    aside = path.with_name(f".{short_name(path.name)}.{uuid.uuid4().hex}")
    os.close(_owners_alone(os.fspath(aside), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    return aside


def _owners_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def unwritable(path: Path, error: OSError | ValueError) -> OutputError:
    """The error for what the system, or Python before it asked the system, refused to write."""
    reason = error.strerror if isinstance(error, OSError) else None
    return OutputError(
        f"{display_name(path)} cannot be written: {display_name(reason or str(error))}.",
        "Check the path, its permissions and the free space of the disk.",
    )
