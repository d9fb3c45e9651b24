"""The locks of a home: that of its index, which whoever saves, records or deletes there holds, that
of erasing, which is held around it and longer, and that of its search engines. Each is the system's
own (`flock`): the system frees it when its process ends, however that ends, in this container or
another, and the file alone means nothing."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.atomic_files import make_private_folder
from gestalt_space.errors import OutputError
from gestalt_space.lock_holders import holder_of, leave_note, take_note_away
from gestalt_space.paths import display_name
from gestalt_space.store.sqlite import SILENT

LOCK, ERASING, ENGINES = "lock", "erasing", "engines"
WORK = {LOCK: "writing the index", ERASING: "erasing patients from the index"}
WORK |= {ENGINES: "bringing a search engine up to the database"}
"""What is done with each of them, for people."""
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})


@contextmanager
def locked(
    folder: Path,
    timeout: float,
    lock: str = LOCK,
    waiting: Callable[[str], object] | None = None,
) -> Iterator[None]:
    """Hold a lock of the index in a folder, which is made where it is missing.

    `timeout`: seconds to wait for another process; where that takes longer than one, `waiting` is
    given who it is, in words. Raises `OutputError`.
    """
    from filelock import FileLock, Timeout

    note = folder / f"{lock}-holder"
    try:
        make_private_folder(folder)
        # A soft lock, by the mere presence of a file, would outlive a process that was killed.
        # Not of one thread: another one may let go of it.
        whole = FileLock(folder / lock, mode=0o600, thread_local=False, fallback_to_soft=False)
        first = timeout if waiting is None else min(timeout, SILENT)
        try:
            held = whole.acquire(timeout=first)
        except Timeout:
            if waiting is None or first == timeout:
                raise
            waiting(f"Waiting for another process that is {WORK[lock]}.{_who(note)}")
            held = whole.acquire(timeout=timeout - first)
        with held:
            leave_note(note)
            try:
                yield
            finally:
                take_note_away(note)
    except Timeout as error:
        raise OutputError(
            f"Another process has been {WORK[lock]} in {display_name(folder)} for "
            f"{timeout:.0f} seconds.{_who(note)}",
            "Wait until it has finished. The database has everything, and the index is updated "
            "later.",
        ) from error
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise OutputError(
                f"The disk of {display_name(folder)} does not support the file locks that the "
                f"gallery needs ({error.strerror}).",
                "Move the home to a local disk. A network folder cannot be used.",
            ) from error
        raise OutputError(
            f"The index cannot be written to {display_name(folder)}: {error.strerror or error}.",
            "Check the folder and the free disk space. The database has everything.",
        ) from error


def _who(note: Path) -> str:
    holder = holder_of(note)
    return "" if holder is None else f" It is {holder.told}."
