"""What glibc has kept of freed memory, handed back to the system; elsewhere there is none.

Pictures of many sizes, freed by several threads, leave its heaps full of holes, and without this
memory creeps up with the number of photos.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

EVERY = 1.0
"""Seconds between two times. It takes some milliseconds, and so does what has to be fetched again:
a service with many small requests would spend a tenth of its time on it."""


class FreedMemory:
    """Hands freed memory back now and then. Threads share it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next = 0.0

    def give_back(self) -> None:
        """Hand it back, unless that was done a moment ago."""
        if self._now() >= self._next:
            self._next = self._now() + EVERY
            if (trim := _trim()) is not None:
                trim(0)


@functools.cache
def _trim() -> Any:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
