"""A file or folder that one process holds alone, for as long as it lives: the system's own lock
(`flock`), which ends with its process, however that ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def try_lock(path: Path) -> Iterator[bool | None]:
    """Hold a file or folder that is there. What is given: True, or False where another process
    holds it already, or None where the system or the disk has no such locks.

    Raises `OSError` where it cannot be opened.
    """
    if sys.platform == "win32":
        yield None
        return
    number = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        except OSError:
            yield None
        else:
            yield True
    finally:
        os.close(number)
