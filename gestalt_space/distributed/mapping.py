"""An ordered, bounded map of items over the workers of a cluster."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, islice
from typing import Any, Generic, TypeVar

from gestalt_space.distributed.cluster import Cluster
from gestalt_space.distributed.resources import Resources
from gestalt_space.errors import ClusterError, ClusterLost, GestaltError, WorkerDied

T = TypeVar("T")
R = TypeVar("R")

TRIES = 3
"""Workers that may die while they have an item and nothing else, before it has failed."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T, R]):
    """What became of an item: the result of its worker, or the error.

    `error` is a `WorkerDied` if the worker died each time, a `GestaltError` that the worker raised,
    or a `ClusterError` for any other exception. `node`: name of the machine; empty if it died.
    """

    item: T
    value: R | None
    error: GestaltError | None
    node: str


def ordered_map(
    cluster: Cluster,
    items: Iterable[T],
    make_worker: Callable[[], Callable[[T], R]],
    *,
    ahead: int,
    resources: Resources | None = None,
) -> Generator[Outcome[T, R], None, None]:
    """What becomes of each item, in the order of the items; see `Workers.map`."""
    with workers_of(cluster, make_worker, resources or Resources()) as workers:
        yield from workers.map(items, ahead=ahead)


@contextmanager
def workers_of(
    cluster: Cluster, make_worker: Callable[[], Callable[[T], R]], resources: Resources
) -> Iterator[Workers[T, R]]:
    """Workers on all machines of a cluster, as many as have room; they end with the context.

    `make_worker` is called once in each worker, and gives what is called with items, one at a time.
    It is found by its name, so that it stands in a module that all machines have; arguments go with
    a `functools.partial`. What it raises ends the map: each machine can do the work, or none does.
    A worker has `resources.cpus` threads, and sees no GPU but its own.
    """
    cluster.send("start", pickle.dumps(make_worker), resources)
    try:
        yield Workers(cluster)
    finally:
        with suppress(ClusterLost):
            cluster.send("stop")
            while cluster.receive() != ("stopped",):
                pass


class Workers(Generic[T, R]):
    """Workers that take items."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers = count()
        self._found: dict[int, tuple[str, Any]] = {}

    def map(
        self, items: Iterable[T], *, ahead: int, tries: int = TRIES
    ) -> Generator[Outcome[T, R], None, None]:
        """What becomes of each item, in their order.

        At most `ahead` items are out before the first of them is taken: no more than their results
        are kept. An item whose worker or machine died goes to another worker; if `tries` workers
        die that had nothing else, that is its outcome. A second map may run while a first one
        waits. Raises `ClusterLost`; `ClusterError` if no machine has room for a worker, or if
        workers die before they are made; and what `make_worker` raises.
        """
        out: deque[tuple[int, T]] = deque()
        remaining = iter(items)
        for item in islice(remaining, ahead):
            out.append((self._send(item, tries), item))
        while out:
            number, item = out.popleft()
            node, result = self._receive(number)
            for following in islice(remaining, 1):
                out.append((self._send(following, tries), following))
            if isinstance(result, GestaltError):
                yield Outcome(item, None, result, node)
                continue
            value, error = pickle.loads(result)  # noqa: S301 - from our own worker
            yield Outcome(item, value, error, node)

    def _send(self, item: T, tries: int) -> int:
        number = next(self._numbers)
        self._cluster.send("item", number, pickle.dumps(item, protocol=5), tries)
        return number

    def _receive(self, number: int) -> tuple[str, Any]:
        """The machine, and the pickled result or the error of an item."""
        while number not in self._found:
            match self._cluster.receive():
                case ("done", done, node, result):
                    self._found[done] = node, result
                case ("died", died, why):
                    self._found[died] = (
                        "",
                        WorkerDied(f"The process that worked on it died each time: {why}"),
                    )
                case ("unmade", error):
                    raise pickle.loads(error)  # noqa: S301 - from our own worker
                case ("stuck", message, hint):
                    raise ClusterError(message, hint)
        return self._found.pop(number)
