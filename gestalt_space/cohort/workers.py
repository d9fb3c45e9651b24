"""Who computes the parts of something larger than memory: the threads of this process, or the
machines of a Ray cluster.

Results come in the order of the items, a few of them ahead of whoever takes them. What is computed
does not depend on who does it.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numpy as np

from gestalt_space.atomic_files import replacing, unwritable
from gestalt_space.devices import cores
from gestalt_space.distributed.cluster import Cluster, open_cluster
from gestalt_space.distributed.hosting import this_machine
from gestalt_space.distributed.mapping import ordered_map
from gestalt_space.distributed.resources import Resources
from gestalt_space.errors import OutputError
from gestalt_space.gallery.options import Engine
from gestalt_space.paths import display_name
from gestalt_space.types import Descriptors

Item = TypeVar("Item")
Result = TypeVar("Result")
Source = Descriptors | Path
"""An array, or a `.npy` file of it that all machines of a cluster can read."""
HANDED = "descriptors-"
"""How the names of such files begin."""
SHARED = "Choose a folder that all machines of the cluster share, under the same path."
_AHEAD = 4
"""Items for each worker that are out before the first result is taken."""


def taken(source: Source) -> Descriptors:
    """The array that was handed to workers. Raises as `check_handed`."""
    if not isinstance(source, Path):
        return source
    check_handed(source)
    rows: Descriptors = np.load(source, mmap_mode="r")
    return rows


def check_handed(source: Source) -> None:
    """Raise `OutputError` where a file that was handed to workers is not there: on a machine that
    does not share its folder, or after the work that it was for has ended."""
    if isinstance(source, Path) and not source.exists():
        raise OutputError(
            f"The machine {this_machine()} does not see {display_name(source.parent)}.",
            SHARED,
        )


class Workers(Protocol):
    """Computes the results of items, in their order. `make_work` is called where the work is done,
    and gives what is called with items."""

    def handed(
        self, rows: Descriptors, folder: Path | None = None
    ) -> AbstractContextManager[Source]:
        """What workers take an array from, as long as the context lasts."""

    def __call__(
        self, make_work: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """The results of items, in their order. Raises what the work raises."""


class Threads:
    """One thread a core, and one more, as some wait for the disk; each multiplies on itself alone,
    so that results do not depend on the number of cores."""

    def handed(
        self,
        rows: Descriptors,
        folder: Path | None = None,  # noqa: ARG002 - see `Workers`
    ) -> AbstractContextManager[Source]:
        """The array itself."""
        return nullcontext(rows)

    def __call__(
        self, make_work: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """The results of items, in their order. Raises what the work raises."""
        from threadpoolctl import threadpool_limits

        work, ahead, threads = make_work(), deque[Future[Result]](), cores() + 1
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            try:
                for item in items:
                    ahead.append(pool.submit(work, item))
                    if len(ahead) > 2 * threads:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for one in ahead:
                    one.cancel()


class ClusterWorkers:
    """Processes of one thread on all machines of a cluster. A part whose process or machine dies is
    computed by another one.

    Arrays reach them as files, which each machine reads into memory at most once, and only where it
    has room; Ray's own object store would hold them twice, and wait for ever where it is full.
    """

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        """`folder`: where such files are, on a disk that all machines share."""
        self._cluster, self._folder = cluster, folder

    @contextmanager
    def handed(self, rows: Descriptors, folder: Path | None = None) -> Iterator[Source]:
        """A file of the array, in another folder if one is given, which is deleted at the end.

        No other file ever has its name: a machine that does not share the folder has none.
        """
        name = f"{HANDED}{secrets.token_hex(16)}.npy"
        path = (folder or self._folder).resolve() / name
        try:
            with replacing(path) as aside, aside.open("wb") as file:
                np.save(file, rows)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def __call__(
        self, make_work: Callable[[], Callable[[Item], Result]], items: Iterable[Item]
    ) -> Iterator[Result]:
        """The results of items, in their order. Raises what the work raises, `WorkerDied` for an
        item whose workers died each time, `ClusterLost`, and `ClusterError`."""
        resources = Resources()
        ahead = _AHEAD * max(1, resources.places(self._cluster.nodes))
        for one in ordered_map(self._cluster, items, make_work, ahead=ahead, resources=resources):
            if one.error is not None:
                raise one.error
            yield cast("Result", one.value)


THREADS = Threads()


@contextmanager
def engine_workers(engine: Engine, address: str | None, folder: Path) -> Iterator[Workers]:
    """The workers of an engine by its name. `address`: of a Ray cluster, None for a Ray on this
    machine; `folder`: on a disk that all of its machines share. Raises as `open_cluster`."""
    if engine == "local":
        yield THREADS
        return
    with open_cluster(address) as cluster:
        yield ClusterWorkers(cluster, folder)
