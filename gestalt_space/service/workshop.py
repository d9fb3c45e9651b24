"""Where requests wait that read photos: as many at work as there are threads, a bounded number
behind them, and an orderly end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from gestalt_space.errors import ServiceBusy

P = ParamSpec("P")
T = TypeVar("T")


class Workshop:
    """Threads beside the event loop. `waiting`: requests that may wait for one of `threads`."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="photos")
        self._most = threads + waiting
        self._at_once = threads
        self._lock = threading.Lock()
        self.admitted = 0
        """Requests that are at work or wait."""

    @property
    def waiting(self) -> int:
        """Requests that wait for a thread."""
        return max(0, self.admitted - self._at_once)

    async def work(self, task: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `task` gives, in a thread. Raises `ServiceBusy` where too many wait already."""
        with self._lock:
            if self.admitted >= self._most:
                raise ServiceBusy(
                    f"{self.admitted:,} requests are at work or wait.", "Try again in a moment."
                )
            self.admitted += 1
        # Counted until the thread is done: a client that has gone does not free it.
        future = self._threads.submit(partial(task, *args, **kwargs))
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """End when what is at work is done."""
        self._threads.shutdown(wait=True)

    def _release(self, _: object) -> None:
        with self._lock:
            self.admitted -= 1
