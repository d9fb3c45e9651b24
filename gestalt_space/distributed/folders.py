"""Temporary folders of commands that use Ray: logs, and what a local Ray writes.

The processes that use one hold locks in it, so that a later command can tell when all are dead.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gestalt_space.atomic_files import take_name
from gestalt_space.file_lock import try_lock

_BEGINNING = "gestalt-ray-"
_LOCK = ".lock"
UNLOCKED_SECONDS = 24 * 60 * 60
"""For how long a folder without any lock may be one whose process is about to lock it; that takes
milliseconds. An older one was left by a process that was killed before it could."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that nobody else can enter; it is gone at the end. Those that dead processes of the
    same user left are deleted first."""
    # The path of a socket has at most 107 characters.
    place = Path("/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir())  # noqa: S108
    delete_abandoned(place)
    with (
        tempfile.TemporaryDirectory(
            prefix=_BEGINNING, dir=place, ignore_cleanup_errors=True
        ) as folder,
        using(Path(folder), "command"),
    ):
        yield Path(folder)


@contextmanager
def using(folder: Path, role: str) -> Iterator[None]:
    """Keep a folder from being deleted as abandoned, until the context or this process ends.

    Raises `FileNotFoundError` if it was deleted before.
    """
    # Locked before it has its name: an abandoned lock is one that nobody holds.
    unlocked = folder / role
    unlocked.touch(mode=0o600)
    with try_lock(unlocked):
        take_name(unlocked, folder / f"{role}{_LOCK}")
        yield


def delete_abandoned(place: Path) -> None:
    """Delete the folders in `place` that dead processes of this user left: those whose locks nobody
    holds, and old ones without a lock."""
    for folder in place.glob(f"{_BEGINNING}*"):
        with suppress(OSError), ExitStack() as held:
            there = folder.lstat()
            if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid():
                continue
            locks = [held.enter_context(try_lock(one)) for one in folder.glob(f"*{_LOCK}")]
            is_old = time.time() - there.st_mtime > UNLOCKED_SECONDS
            if all(locks) if locks else is_old:
                shutil.rmtree(folder, ignore_errors=True)
