"""New folders, written atomically: made beside their place, and renamed at the end. What a process
that was killed left there is known by its name, and deleted by the next one."""

from __future__ import annotations

import errno
import glob
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gestalt_space.atomic_files import (
    check_path,
    make_private_folder,
    move_folder,
    take_folder_name,
)
from gestalt_space.errors import OutputError
from gestalt_space.file_lock import try_lock
from gestalt_space.paths import display_name, short_name


@contextmanager
def whole_folder(folder: Path, *, private: bool = True) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place if all goes well, and is gone if not.

    It is its owner's alone, and so all in it; without `private`, it has the rights that the user's
    umask leaves.

    What was there stays until then, and comes back where the change fails. Where nothing was there,
    and something is in the end, that stays. Begun folders of processes that were killed are deleted
    first. Raises `OutputError`.
    """
    check_path(folder)
    try:
        folder = folder.resolve()
    except RuntimeError as error:  # links in a circle
        raise _unwritable(folder, str(error)) from error
    if folder.is_mount():
        raise OutputError(
            f"{display_name(folder)} is a mounted disk, which cannot be replaced.",
            "Choose a new folder in it.",
        )
    old = folder.with_name(f".{short_name(folder.name)}-replaced-{secrets.token_hex(4)}")
    try:
        replaces = folder.is_dir() and any(folder.iterdir())
        with begun_folder(folder, private=private) as aside:
            yield aside
            if replaces:
                _take_place(aside, folder, old)
            else:
                _take_free_place(aside, folder)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(old, ignore_errors=True)


def replace_folder(aside: Path, folder: Path) -> None:
    """Give a whole folder the name of another one beside it, which is deleted where there is one.

    That one comes back where the change fails. Raises `OSError`.
    """
    old = folder.with_name(f".{short_name(folder.name)}-replaced-{secrets.token_hex(4)}")
    try:
        _take_place(aside, folder, old)
    finally:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def begun_folder(place: Path, *, private: bool = True) -> Iterator[Path]:
    """A new folder beside `place`, in which is made what takes that name, file or folder; at the
    end it is gone. Those of processes that were killed are deleted first. Raises `OSError`."""
    make_private_folder(place.parent)
    delete_begun(place)
    aside = place.with_name(f"{_begun(place)}{secrets.token_hex(4)}")
    aside.mkdir(mode=0o700 if private else 0o777)
    try:
        with try_lock(aside):
            yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def delete_begun(place: Path) -> tuple[list[Path], list[Path]]:
    """Delete what processes that were killed left of making a folder or file; what is gone, and
    what is left: another process is at it, or the system does not tell or will not delete it."""
    gone: list[Path] = []
    left: list[Path] = []
    begun = re.compile(re.escape(_begun(place)) + _DIGITS)
    for path in sorted(place.parent.glob(f"{glob.escape(_begun(place))}*")):
        with suppress(FileNotFoundError):
            if not begun.fullmatch(path.name) or path.is_symlink() or not path.is_dir():
                continue
            with try_lock(path) as is_mine:
                if is_mine:
                    shutil.rmtree(path, ignore_errors=True)
            (left if path.exists() else gone).append(path)
    return gone, left


_DIGITS = "[0-9a-f]{8}"


def _begun(place: Path) -> str:
    """How the names of what is made beside a place begin."""
    return f".{short_name(place.name)}-unfinished-"


def _take_free_place(aside: Path, folder: Path) -> None:
    """The system renames a folder to one that is empty, and to nothing else that is there."""
    try:
        take_folder_name(aside, folder)
    except OSError as error:
        if os.path.lexists(folder) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise OutputError(
                f"Meanwhile, files were written to {display_name(folder)}, perhaps by another run.",
                "These files are kept. Choose another folder.",
            ) from error
        raise


def _unwritable(folder: Path, reason: str) -> OutputError:
    return OutputError(
        f"{display_name(folder)} cannot be written: {display_name(reason)}.",
        "Check the path, its permissions and the free space of the disk.",
    )


def _take_place(aside: Path, folder: Path, old: Path) -> None:
    try:
        if folder.exists():
            move_folder(folder, old)
        take_folder_name(aside, folder)
    except BaseException:
        if old.exists() and not folder.exists():
            move_folder(old, folder)
        raise
