"""A new database that appears in a home when all of it is written: what fails, or is killed, leaves
no gallery."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gestalt_space.errors import GalleryExists, OutputError
from gestalt_space.files import make_private_folder, sync_file, take_name
from gestalt_space.paths import display_name
from gestalt_space.store.engine import Database

_STAGED = ".import-"


@contextmanager
def whole_database(database: Database) -> Iterator[Database]:
    """The database to write to: a new file beside the home's, which takes its name if all goes
    well, or the one that is there. On a server, empty tables stay where it goes wrong.

    Raises `GalleryExists` where another process made one meanwhile, `OutputError`, `DatabaseError`.
    """
    file = database.file
    if file is None or file.exists():
        database.make()
        yield database
        return
    try:
        with _stage(file.parent) as stage:
            made = stage / file.name
            staged = Database(made, actor=database.actor)
            try:
                yield staged
                staged.truncate_log()
            finally:
                staged.close()
            sync_file(made)
            if file.exists():
                raise GalleryExists(
                    f"{display_name(file)} was made meanwhile; nothing was imported.",
                    "To merge the export with it: --into.",
                )
            take_name(made, file)
    except OSError as error:
        raise OutputError(
            f"{display_name(file)} cannot be written: {error.strerror or error}.",
            "Check the home and the free space of its disk; nothing was imported.",
        ) from error


@contextmanager
def _stage(home: Path) -> Iterator[Path]:
    """A new folder in a home, which goes at the end. What imports left that were killed goes too,
    and so does the home, where it was made for this and has nothing."""
    from filelock import FileLock

    is_new = not home.exists()
    make_private_folder(home)
    for left in home.glob(f"{_STAGED}*"):
        _delete(left)
    stage = home / f"{_STAGED}{secrets.token_hex(8)}"
    stage.mkdir(mode=0o700)
    try:
        # As long as its process lives, no other one takes it for something that was left.
        with FileLock(_lock(stage), timeout=0, mode=0o600, fallback_to_soft=False):
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if is_new:
            with suppress(OSError):
                home.rmdir()


def _delete(stage: Path) -> None:
    """Delete what an import left, unless it is at work."""
    from filelock import FileLock, Timeout

    with (
        suppress(Timeout, OSError),
        FileLock(_lock(stage), timeout=0, mode=0o600, fallback_to_soft=False),
    ):
        shutil.rmtree(stage, ignore_errors=True)


def _lock(stage: Path) -> Path:
    return stage / "lock"
