"""Batches that are drawn on all cores while the network learns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from gestalt_space.devices import cores

T = TypeVar("T")

AHEAD = 3
"""Batches that each core may draw before they are used."""


def drawn_ahead(draw: Callable[[int], T], steps: range) -> Iterator[T]:
    """What `draw` gives for each step, in order, drawn on all cores a few steps ahead."""
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="drawing")
    numbers = iter(steps)
    waiting: deque[Future[T]] = deque()
    try:
        waiting.extend(pool.submit(draw, step) for step in islice(numbers, AHEAD * cores()))
        while waiting:
            drawn = waiting.popleft().result()
            waiting.extend(pool.submit(draw, step) for step in islice(numbers, 1))
            yield drawn
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
