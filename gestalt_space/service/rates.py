"""How many requests one asker may make in a minute."""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gestalt_space.errors import TooManyRequests


class Rates:
    """Counts requests by who asks. Threads share it."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, key: str) -> None:
        """Count a request of somebody. Raises `TooManyRequests`."""
        if self._limiter.hit(self._limit, key):
            return
        reset, _ = self._limiter.get_window_stats(self._limit, key)
        raise TooManyRequests(
            f"More than {self._limit.amount:,} requests in a minute.",
            "Wait a moment.",
            max(1.0, reset - time.time()),
        )
