"""Work of many threads done together: what comes while some is under way is done at once next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class _Call(Generic[T, R]):
    """What was asked, and the result, once it is there. `alone`: a joined call of it failed."""

    asked: T
    found: list[R] = field(default_factory=list)
    alone: bool = False


class Together(Generic[T, R]):
    """Calls `work` for any number of threads, one call at a time; `work` gives a result for each of
    what it is given.

    Who finds it free begins at once, with those who wait: nobody waits for company. At most as much
    of others' as `most` by their `weight` goes with a call: nobody waits for thousands. Where a
    joined call fails, each of it is done by itself, and an error reaches whose it is.
    """

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], weight: Callable[[T], int], most: int
    ) -> None:
        self._work = work
        self._weight = weight
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[_Call[T, R]] = []
        self._at_work = False

    @property
    def waiting(self) -> int:
        """How many threads wait."""
        return len(self._waiting)

    def __call__(self, asked: T) -> R:
        """The result for this."""
        mine = _Call[T, R](asked)
        with self._changed:
            self._waiting.append(mine)
            try:
                self._changed.wait_for(lambda: bool(mine.found) or not self._at_work)
            finally:
                # One that was done with others, or interrupted, is waiting no longer.
                if mine in self._waiting:
                    self._waiting.remove(mine)
            if mine.found:
                return mine.found[0]
            self._at_work = True
            others = [] if mine.alone else self._company()
        try:
            if others:
                with suppress(Exception):
                    self._do([mine, *others])
            if not mine.found:
                self._do([mine])
            return mine.found[0]
        finally:
            with self._changed:
                self._at_work = False
                for call in others:
                    call.alone = True
                self._changed.notify_all()

    def _company(self) -> list[_Call[T, R]]:
        """Calls that wait, the first ones first, as many as go together; they are taken out."""
        total, count = 0, 0
        for call in self._waiting:
            total += self._weight(call.asked)
            if total > self._most or call.alone:
                break
            count += 1
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _do(self, calls: Sequence[_Call[T, R]]) -> None:
        for call, found in zip(calls, self._work([call.asked for call in calls]), strict=True):
            call.found.append(found)
