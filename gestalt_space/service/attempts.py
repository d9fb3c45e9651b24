"""Wrong passwords: after a few of them somebody has to wait, and nobody learns who has an account.

They are counted by the name that was given, whether anybody has it or not. From one address a few
lock that name for that address alone: others cannot lock a user out. From all addresses together
many slow the name down, but not for addresses from which it was logged in with before. Kept in
memory: what a count costs does not depend on the name, and a restart forgets.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gestalt_space.counts import counted_text
from gestalt_space.errors import TooManyRequests

SLOWED_AFTER = 10
"""A name is slowed down after so many times as many wrong passwords as lock one address out."""
SLOWED_TO = 10.0
"""Seconds between two attempts of a name that is slowed down."""
MOST_KEPT = 100_000
"""Counts that are kept; the oldest are forgotten."""
SPOKEN_AS_SECONDS = 90
_AT_ONCE = 64


@dataclass(slots=True)
class _Count:
    """Wrong passwords, and when the last one was given."""

    wrong: int = 0
    last: float = 0.0


class Attempts:
    """Counts wrong passwords. Threads share it. `most`: from one address until a name is locked
    there; `pause`: for how long, and after how long wrong ones are forgotten."""

    def __init__(
        self, most: int, pause: timedelta, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._pause = pause.total_seconds()
        self._now = now
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(_AT_ONCE)]

    @contextmanager
    def attempt(self, name: str, address: str) -> Iterator[None]:
        """A look at a password: one at a time of a name from an address, so that those that come at
        once are counted. Raises `TooManyRequests`."""
        here = _key(name, address)
        with self._turns[int(here[:8], 16) % _AT_ONCE]:
            self._check(here, _key(name))
            yield

    def failed(self, name: str, address: str) -> None:
        """Count a wrong password."""
        with self._lock:
            for key in (_key(name, address), _key(name)):
                count = self._count(key)
                count.wrong, count.last = count.wrong + 1, self._now()
                self._counts[key] = count
                self._counts.move_to_end(key)
            _forget(self._counts)

    def succeeded(self, name: str, address: str) -> int:
        """Forget the wrong passwords of a name from an address; returns how many there were from
        all addresses."""
        here, anywhere = _key(name, address), _key(name)
        with self._lock:
            self._known[here] = None
            self._known.move_to_end(here)
            _forget(self._known)
            self._counts.pop(here, None)
            wrong = self._count(anywhere).wrong
            self._counts.pop(anywhere, None)
        return wrong

    def _check(self, here: str, anywhere: str) -> None:
        with self._lock:
            from_here, from_all = self._count(here), self._count(anywhere)
            wait = 0.0
            if from_here.wrong >= self._most:
                wait = from_here.last + self._pause - self._now()
            elif here not in self._known and from_all.wrong >= SLOWED_AFTER * self._most:
                wait = from_all.last + SLOWED_TO - self._now()
        if wait > 0:
            raise TooManyRequests(
                "Too many wrong passwords.", f"Try again in {_spoken(wait)}.", wait
            )

    def _count(self, key: str) -> _Count:
        count = self._counts.get(key)
        if count is None or self._now() - count.last >= self._pause:
            return _Count()
        return count


def _key(name: str, address: str | None = None) -> str:
    """By what a name, or a name from an address, is counted: as long for any name."""
    return hashlib.sha256(repr((name, address)).encode("utf-8", "replace")).hexdigest()


def _forget(kept: OrderedDict[str, Any]) -> None:
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)


def _spoken(seconds: float) -> str:
    if seconds <= SPOKEN_AS_SECONDS:
        return counted_text(math.ceil(seconds), "second")
    return counted_text(math.ceil(seconds / 60), "minute")
