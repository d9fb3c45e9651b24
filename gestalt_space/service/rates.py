"""How many requests one asker may make in a minute or a day."""

from __future__ import annotations

import time

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gestalt_space.errors import TooManyRequests

_MINUTE = 60
STEP = 1.0
"""Seconds by which the clock of the system may differ from a steady one, and is not set anew."""


class Rates:
    """Counts requests by who asks. Threads share it.

    `limits` counts by the clock of the system. Where that is set, all counts begin anew: with those
    of a time that is yet to come, somebody would have to wait for it.
    """

    def __init__(self, limit: RateLimitItem) -> None:
        self._limit = limit
        self._begin()

    def check(self, key: str) -> None:
        """Count a request of somebody. Raises `TooManyRequests`."""
        if abs(_ahead() - self._was_ahead) > STEP:
            self._begin()
        limiter = self._limiter
        if limiter.hit(self._limit, key):
            return
        reset, _ = limiter.get_window_stats(self._limit, key)
        raise TooManyRequests(
            f"More than {self._limit.amount:,} requests in a {self._limit.GRANULARITY.name}.",
            "Wait a moment." if self._limit.get_expiry() <= _MINUTE else "Ask again later.",
            max(1.0, reset - time.time()),
        )

    def _begin(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._was_ahead = _ahead()


def _ahead() -> float:
    """How far the clock of the system is ahead of a steady one."""
    return time.time() - time.monotonic()
