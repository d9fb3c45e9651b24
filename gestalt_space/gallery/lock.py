"""The one lock of a home's index: whoever saves, records or deletes there holds it. The system
frees it when its process ends, however that ends, in this container or another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import OutputError
from gestalt_space.files import make_private_folder
from gestalt_space.paths import display_name

LOCK = "lock"


@contextmanager
def locked(folder: Path, timeout: float) -> Iterator[None]:
    """Hold the lock of the index in a folder, which is made where it is missing.

    `timeout`: seconds to wait for another process. Raises `OutputError`.
    """
    from filelock import FileLock, Timeout

    try:
        make_private_folder(folder)
        with FileLock(folder / LOCK, timeout=timeout, mode=0o600):
            yield
    except Timeout as error:
        raise OutputError(
            f"Another process has been writing the index in {display_name(folder)} for "
            f"{timeout:.0f} seconds.",
            "Wait until it has ended; the database has everything, and the index follows.",
        ) from error
    except OSError as error:
        raise OutputError(
            f"The index cannot be written to {display_name(folder)}: {error.strerror or error}.",
            "Check the folder and the free space of the disk; the database has everything.",
        ) from error
