"""Who computes the parts of something larger than memory: the threads of this process.

Results come in the order of the items, a few of them ahead of whoever takes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from gestalt_space.devices import cores

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Protocol):
    """Computes the results of items, in their order. `make_work` is called where the work is done,
    and gives what is called with items. `by_file`: whether arrays reach the workers as files,
    because these are other processes, on other machines perhaps."""

    by_file: bool

    def __call__(
        self, make_work: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """The results of items, in their order. Raises what the work raises."""


class Threads:
    """One thread a core; each multiplies on itself alone, so that results do not depend on the
    number of cores."""

    by_file = False

    def __call__(
        self, make_work: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """The results of items, in their order. Raises what the work raises."""
        from threadpoolctl import threadpool_limits

        work, ahead = make_work(), deque[Future[Result]]()
        with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
            try:
                for item in items:
                    ahead.append(pool.submit(work, item))
                    if len(ahead) > cores():
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for one in ahead:
                    one.cancel()


THREADS = Threads()
