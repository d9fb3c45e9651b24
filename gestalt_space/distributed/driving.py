"""The process that speaks with Ray:
`python -P -m gestalt_space.distributed.driving CONNECTION ADDRESS PATIENCE FOLDER`.

Ray writes to the terminal, takes signals over, and ends its own process where the cluster is gone.
So it gets a process of its own, which only hands bytes from the process that asks to the workers,
and back. Messages come and go by the connection of that number:

    in   ("start", make_worker, resources)   workers for what follows, in place of those before
         ("item", number, item, tries)
         ("stop",)
    out  ("ready", nodes)  or  ("refused", why)    once
         ("done", number, node, result)
         ("died", number, why)                     its worker died each time
         ("unmade", error)                         a worker could not be made; all stop
         ("stuck", message, hint)                  no worker can be had; all stop
         ("stopped",)                              nothing more comes of what was asked before
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from gestalt_space.devices import cores
from gestalt_space.distributed.folders import using
from gestalt_space.distributed.hosting import Host, own_version
from gestalt_space.distributed.resources import Node, Resources, machine_name, repeated_names

START_TRIES = 3
"""Workers in a row that may die before they are made."""
AHEAD = 2
"""Items that a worker has at once: it is at work on one, and the next one is there."""
LOCAL = "local"
"""The address of a Ray of this process's own."""
_STORE_BYTES = 512 * 2**20
_SAME = (
    "Install the same versions of gestalt-space and Python on all machines of the cluster, and see "
    "whether their memory is full."
)
_BUSY = (
    "Wait until other work on the cluster has ended, or add machines. `ray status` shows what is "
    "in use."
)


@dataclass(eq=False)
class _Item:
    number: int
    data: bytes
    tries: int
    """Workers that may die while they have nothing else."""
    deaths: int = 0
    alone: bool = False
    """A worker died that had it, and it is not known whether because of it."""


@dataclass(eq=False)
class _Worker:
    """An actor, and the items that it has, in their order. `placed`: a machine has it;
    `made`: it takes items."""

    actor: Any
    items: deque[_Item] = field(default_factory=deque)
    placed: bool = False
    made: bool = False


class Driver:
    """One loop over what comes: messages, and what workers have done."""

    def __init__(self, ray: Any, connection: Connection, patience: float) -> None:
        """`patience`: seconds to wait for a machine that has room for a worker."""
        self._ray = ray
        self._connection = connection
        self._patience = patience
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._ended = False
        self._start: tuple[bytes, Resources] | None = None
        self._workers: list[_Worker] = []
        self._waiting: deque[_Item] = deque()
        self._early_deaths = 0
        self._alone_since = 0.0

    def run(self) -> None:
        """Serve until the other side closes the connection."""
        threading.Thread(target=self._read, daemon=True).start()
        while not self._ended:
            try:
                self._events.get(timeout=1.0)()
            except Empty:
                self._check_places()

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                self._events.put(self._end)
                return
            self._events.put(lambda message=message: self._take(message))  # type: ignore[misc]

    def _take(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("start", make_worker, resources):
                self._stop()
                self._start = make_worker, resources
                self._alone_since = time.monotonic()
                for _ in range(max(1, resources.places(nodes_of(self._ray)))):
                    self._add_worker()
            case ("item", number, data, tries):
                self._waiting.append(_Item(number, data, tries))
                self._assign()
            case ("stop",):
                self._stop()
                self._connection.send(("stopped",))

    def _end(self) -> None:
        self._stop()
        self._ended = True

    def _stop(self) -> None:
        workers, self._workers, self._start = self._workers, [], None
        self._waiting.clear()
        self._early_deaths = 0
        for worker in workers:
            self._ray.kill(worker.actor)

    def _add_worker(self) -> None:
        assert self._start is not None, "started first"  # noqa: S101
        make_worker, resources = self._start
        # Who replaces a dead worker is this loop: it knows which item was at work in it.
        kind = self._ray.remote(
            num_cpus=resources.cpus,
            num_gpus=resources.gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )(Host)
        repeated = _repeated(_alive(self._ray))
        worker = _Worker(kind.remote(resources.cpus, resources.gpus, repeated))
        self._workers.append(worker)
        self._when_done(
            worker.actor.__ray_ready__.remote(), lambda done: self._placed(worker, done)
        )
        self._when_done(
            worker.actor.start.remote(make_worker, own_version()),
            lambda done: self._made(worker, done),
        )

    def _when_done(self, reference: Any, then: Callable[[Any], None]) -> None:
        reference.future().add_done_callback(lambda done: self._events.put(lambda: then(done)))

    def _placed(self, worker: _Worker, done: Any) -> None:
        worker.placed = done.exception() is None

    def _made(self, worker: _Worker, done: Any) -> None:
        if worker not in self._workers:
            return
        if (error := done.exception()) is not None:
            self._early_deaths += 1
            self._bury(worker, error)
            return
        if (failed := done.result()) is not None:
            self._stop()
            self._connection.send(("unmade", failed))
            return
        self._early_deaths = 0
        worker.made = True
        self._assign()

    def _assign(self) -> None:
        """Give waiting items to the workers that have the fewest."""
        made = [worker for worker in self._workers if worker.made]
        while self._waiting and made:
            item = self._waiting[0]
            worker = min(made, key=_load)
            if _load(worker) >= (1 if item.alone else AHEAD):
                return
            worker.items.append(self._waiting.popleft())
            self._when_done(
                worker.actor.run.remote(item.data),
                lambda done, worker=worker, item=item: self._done(worker, item, done),  # type: ignore[misc]
            )

    def _done(self, worker: _Worker, item: _Item, done: Any) -> None:
        if worker not in self._workers:
            return
        if (error := done.exception()) is not None:
            self._bury(worker, error)
            return
        worker.items.remove(item)
        self._connection.send(("done", item.number, *done.result()))
        self._assign()

    def _bury(self, worker: _Worker, error: BaseException) -> None:
        """Another one takes the place of a dead worker, and its items, each alone."""
        self._workers.remove(worker)
        # A failure of another kind must not leave it on its core.
        self._ray.kill(worker.actor)
        why = _reason(error)
        if self._early_deaths >= START_TRIES:
            self._stop()
            self._connection.send(
                ("stuck", f"{START_TRIES} workers died at their start: {why}", _SAME)
            )
            return
        if len(worker.items) == 1:
            worker.items[0].deaths += 1
            if worker.items[0].deaths >= worker.items[0].tries:
                self._connection.send(("died", worker.items.popleft().number, why))
        for item in worker.items:
            # A result may be lost on its way, where the next item kills the worker at once.
            item.alone = True
        self._waiting.extendleft(reversed(worker.items))
        self._alone_since = time.monotonic()
        self._add_worker()
        self._assign()

    def _check_places(self) -> None:
        """Give up where there is work, and no machine had room for a worker for so long."""
        if self._start is None or not self._waiting or any(one.placed for one in self._workers):
            return
        if time.monotonic() - self._alone_since < self._patience:
            return
        _, resources = self._start
        nodes = nodes_of(self._ray)
        needed = f"{resources.cpus} free cores" if resources.cpus != 1 else "a free core"
        if resources.gpus:
            needed += (
                f" and {resources.gpus} free GPUs" if resources.gpus != 1 else " and a free GPU"
            )
        self._stop()
        has = (len(nodes), sum(one.cpus for one in nodes), sum(one.gpus for one in nodes))
        message = (
            f"No machine of the Ray cluster has {needed} "
            "(machines: {}, cores: {}, GPUs: {}).".format(*has)
        )
        self._connection.send(("stuck", message, _BUSY))


def _load(worker: _Worker) -> int:
    """How many items a worker has; as many as it may, where one of them is to be alone."""
    return AHEAD if any(item.alone for item in worker.items) else len(worker.items)


def nodes_of(ray: Any) -> list[Node]:
    """The machines that are there."""
    alive = _alive(ray)
    repeated = _repeated(alive)
    return [
        Node(
            machine_name(node["NodeManagerHostname"], node["NodeManagerAddress"], repeated),
            int(node["Resources"].get("CPU", 0)),
            int(node["Resources"].get("GPU", 0)),
        )
        for node in alive
    ]


def _alive(ray: Any) -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _repeated(nodes: list[dict[str, Any]]) -> frozenset[str]:
    return repeated_names(
        (node["NodeManagerHostname"], node["NodeManagerAddress"]) for node in nodes
    )


def _reason(error: BaseException) -> str:
    """Why a worker died, in a line of Ray's many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [
        line for line in lines if line.startswith(("The actor died because", "The actor is dead"))
    ]
    return (told or lines or [type(error).__name__])[-1]


def _connect(ray: Any, address: str, folder: Path) -> None:
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if address != LOCAL:
        ray.init(address=address, **quiet)
        return
    ray.init(
        address=LOCAL,
        num_cpus=cores(),
        include_dashboard=False,
        object_store_memory=_STORE_BYTES,
        # Its logs go with it. Ray makes it writable for everybody, but the folder around it is not.
        _temp_dir=str(folder / "ray"),
        **quiet,
    )


def main(connection: Connection, address: str, patience: float, folder: Path) -> None:
    """Connect, say so, and serve."""
    # Whoever asks is interrupted, and closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with using(folder, "driver"):
        import ray

        try:
            _serve(ray, connection, address, patience, folder)
        finally:
            ray.shutdown()
            # Whoever made it may have been killed.
            shutil.rmtree(folder, ignore_errors=True)


def _serve(ray: Any, connection: Connection, address: str, patience: float, folder: Path) -> None:
    try:
        _connect(ray, address, folder)
    except Exception as error:  # noqa: BLE001 - Ray raises anything
        connection.send(("refused", str(error)))
        return
    connection.send(("ready", nodes_of(ray)))
    Driver(ray, connection, patience).run()


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
