"""The one lock of a home's index: whoever saves, records or deletes there holds it. It is the
system's own (`flock`): the system frees it when its process ends, however that ends, in this
container or another, and the file `lock` alone means nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import OutputError
from gestalt_space.files import make_private_folder
from gestalt_space.holders import holder_of, leave_note, take_note_away
from gestalt_space.paths import display_name

LOCK, HOLDER = "lock", "lock-holder"
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})


@contextmanager
def locked(folder: Path, timeout: float) -> Iterator[None]:
    """Hold the lock of the index in a folder, which is made where it is missing.

    `timeout`: seconds to wait for another process. Raises `OutputError`.
    """
    from filelock import FileLock, Timeout

    note = folder / HOLDER
    try:
        make_private_folder(folder)
        # A soft lock, by the mere presence of a file, would outlive a process that was killed.
        with FileLock(folder / LOCK, timeout=timeout, mode=0o600, fallback_to_soft=False):
            leave_note(note)
            try:
                yield
            finally:
                take_note_away(note)
    except Timeout as error:
        holder = holder_of(note)
        who = "" if holder is None else f" It is {holder.told}."
        raise OutputError(
            f"Another process has been writing the index in {display_name(folder)} for "
            f"{timeout:.0f} seconds.{who}",
            "Wait until it has ended; the database has everything, and the index follows.",
        ) from error
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise OutputError(
                f"The disk of {display_name(folder)} has no locks that end with their process "
                f"({error.strerror}).",
                "Put the home on a local disk: a network folder cannot hold it.",
            ) from error
        raise OutputError(
            f"The index cannot be written to {display_name(folder)}: {error.strerror or error}.",
            "Check the folder and the free space of the disk; the database has everything.",
        ) from error
