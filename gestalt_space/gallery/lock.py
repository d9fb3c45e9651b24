"""The locks of a home: that of its index, which whoever saves, records or deletes there holds, and
that of erasing, which is held around it and longer. Each is the system's own (`flock`): the system
frees it when its process ends, however that ends, in this container or another, and the file alone
means nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import OutputError
from gestalt_space.files import make_private_folder
from gestalt_space.holders import holder_of, leave_note, take_note_away
from gestalt_space.paths import display_name

LOCK, ERASING = "lock", "erasing"
WORK = {LOCK: "writing the index", ERASING: "erasing patients from the index"}
"""What is done with each of them, for people."""
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})


@contextmanager
def locked(folder: Path, timeout: float, lock: str = LOCK) -> Iterator[None]:
    """Hold a lock of the index in a folder, which is made where it is missing.

    `timeout`: seconds to wait for another process. Raises `OutputError`.
    """
    from filelock import FileLock, Timeout

    note = folder / f"{lock}-holder"
    try:
        make_private_folder(folder)
        # A soft lock, by the mere presence of a file, would outlive a process that was killed.
        # Not of one thread: another one may let go of it.
        with FileLock(
            folder / lock, timeout=timeout, mode=0o600, thread_local=False, fallback_to_soft=False
        ):
            leave_note(note)
            try:
                yield
            finally:
                take_note_away(note)
    except Timeout as error:
        holder = holder_of(note)
        who = "" if holder is None else f" It is {holder.told}."
        raise OutputError(
            f"Another process has been {WORK[lock]} in {display_name(folder)} for "
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
