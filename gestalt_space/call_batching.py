"""Work of many threads done together: what comes while some is under way is done at once next."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class _Call(Generic[T, R]):
    """What was asked, and the result, once it is there. `alone`: a joined call of it failed."""

    request: T
    found: list[R] = field(default_factory=list)
    alone: bool = False


class _Queue(Generic[T, R]):
    """Who waits, and the lock of who is at work: those of one process, since a fork has no thread
    of its parent that would open it."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.at_work = Lock()
        self.waiting: list[_Call[T, R]] = []


class BatchedCalls(Generic[T, R]):
    """Calls `work` for any number of threads, one call at a time; `work` gives a result for each of
    what it is given.

    Who finds it free begins at once, with those who wait: nobody waits for company. Together go
    calls of one `kind`, at most as many as have the weight `most`: nobody waits for thousands.
    Where a joined call fails, each of it is done by itself, and an error reaches whose it is.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R]],
        *,
        kind: Callable[[T], Hashable],
        weight: Callable[[T], int],
        most: int,
    ) -> None:
        self._work = work
        self._kind = kind
        self._weight = weight
        self._most = most
        self._queue = _Queue[T, R]()

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._queue.waiting)

    def __call__(self, request: T) -> R:
        """The result for this."""
        queue, mine = self._queue, _Call[T, R](request)
        if queue.process != os.getpid():
            queue = self._queue = _Queue()
        queue.waiting.append(mine)
        try:
            with queue.at_work:
                if not mine.found:
                    self._lead(queue, mine)
        finally:
            with suppress(ValueError):
                queue.waiting.remove(mine)
        return mine.found[0]

    def _lead(self, queue: _Queue[T, R], mine: _Call[T, R]) -> None:
        # It is not there where a joined call of it failed.
        with suppress(ValueError):
            queue.waiting.remove(mine)
        others = [] if mine.alone else self._company(queue, mine)
        try:
            if others:
                with suppress(Exception):
                    self._do([mine, *others])
            if not mine.found:
                self._do([mine])
        finally:
            for call in others:
                call.alone = True

    def _company(self, queue: _Queue[T, R], mine: _Call[T, R]) -> list[_Call[T, R]]:
        """Calls that wait, the first ones first, as many as go together; they are taken out."""
        total, kind = self._weight(mine.request), self._kind(mine.request)
        taken = []
        for call in list(queue.waiting):
            if call.alone or self._kind(call.request) != kind:
                continue
            total += self._weight(call.request)
            if total > self._most:
                break
            # One that is interrupted takes itself out.
            with suppress(ValueError):
                queue.waiting.remove(call)
                taken.append(call)
        return taken

    def _do(self, calls: Sequence[_Call[T, R]]) -> None:
        for call, found in zip(calls, self._work([call.request for call in calls]), strict=True):
            call.found.append(found)
