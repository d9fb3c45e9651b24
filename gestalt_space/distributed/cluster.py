"""A Ray cluster, opened and closed. Ray itself runs in a child process; see `driving`."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gestalt_space.distributed.driving import LOCAL
from gestalt_space.distributed.folders import temporary_folder
from gestalt_space.distributed.resources import Node
from gestalt_space.errors import ClusterError, ClusterLost, UsageError

PATIENCE = 30.0
"""Seconds to wait for a cluster that does not answer, or a machine with room for a worker."""
START_SECONDS = 60.0
"""What Ray may take to start on this machine, or to connect, beyond that."""
_CLOSE_SECONDS = 20.0
IS_POSIX = os.name == "posix"
_INSTALL = "Run `pip install 'gestalt-space[ray]'`."
_JOIN = (
    "Run the command on a machine of the cluster. `ray status` shows whether the cluster is there, "
    "and `ray start --address=HOST:PORT` adds a machine. If the cluster has a token, set "
    "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to the same token."
)


class Cluster:
    """A cluster that was opened. One thread uses it at a time.

    `address`: None for a Ray of this process's own. `nodes`: its machines when it was opened.
    """

    def __init__(self, connection: Connection, address: str | None, nodes: list[Node]) -> None:
        self.address = address
        self.nodes = tuple(nodes)
        self._connection = connection

    def send(self, *message: Any) -> None:
        """Send a message of `driving`. Raises `ClusterLost`."""
        with self._whole_messages():
            self._connection.send(message)

    def receive(self) -> tuple[Any, ...]:
        """The next message of `driving`. Raises `ClusterLost`."""
        with self._whole_messages():
            message: tuple[Any, ...] = self._connection.recv()
        return message

    @contextmanager
    def _whole_messages(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError) as error:
            raise self._lost() from error
        except BaseException:
            # Interrupted in the middle of a message: the next one would begin with its rest.
            self._connection.close()
            raise

    def _lost(self) -> ClusterLost:
        return ClusterLost(
            f"{_named(self.address)} is gone.",
            "Start it again, then repeat the command: finished work is kept.",
        )


@contextmanager
def open_cluster(address: str | None = None, *, patience: float = PATIENCE) -> Iterator[Cluster]:
    """A Ray cluster by its address, `HOST:PORT` or `auto`; without one, a Ray of this process's own
    on this machine, which nobody else can use and which ends with it.

    Nothing is downloaded or reported, and Ray writes nothing to the terminal. `patience`: seconds
    to wait for the cluster, and later for a machine with room for a worker. Raises `UsageError` as
    `check_address`, `ClusterError` if no cluster answers there, or one with another version of Ray
    or Python.
    """
    check_cluster(address, patience)
    ours, theirs = Pipe()
    with temporary_folder() as folder, ours:
        with theirs:
            process = _start(theirs, address, patience, folder)
        try:
            nodes = _ready(ours, address, patience)
            try:
                yield Cluster(ours, address, nodes)
            finally:
                ours.close()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_CLOSE_SECONDS)
        finally:
            # With all that a local Ray has started.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def check_address(address: str | None) -> None:
    """Raises `UsageError` if Ray cannot be used here, or for an address of another form."""
    if not IS_POSIX:
        raise UsageError("Ray is not used on Windows.", "Run the command on Linux or macOS.")
    if find_spec("ray") is None:
        raise UsageError("Ray is not installed.", _INSTALL)
    if address in (None, "auto"):
        return
    host, colon, port = str(address).rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 2**16) or "/" in host:
        raise UsageError(
            f"{address!r} is not the address of a Ray cluster.",
            "Give HOST:PORT, as `ray start --head` prints it: --address 10.0.0.5:6379.",
        )


def check_cluster(address: str | None, patience: float = PATIENCE) -> None:
    """See that somebody listens there: Ray itself tries for minutes. Raises `UsageError` as
    `check_address`, and `ClusterError`."""
    check_address(address)
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=patience).close()
    except OSError as error:
        raise ClusterError(
            f"No Ray cluster answers at {address} ({error.strerror or error}).", _JOIN
        ) from error


def _start(
    connection: Connection, address: str | None, patience: float, folder: Path
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "gestalt_space.distributed.driving"]
    command += [str(connection.fileno()), address or LOCAL, str(patience), str(folder)]
    told = {
        # Workers find what this process finds.
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(max(1, int(patience))),
    }
    if address is None:
        told |= {
            # Other users of this machine are refused.
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            # On Linux, too, Ray then listens on 127.0.0.1 alone. Nothing else in Ray 2.60 does
            # that: where `_node_ip_address` is a loopback address, it takes an outer one.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        }
    with (folder / "driver.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own module
            command,
            env={**os.environ, **told},
            pass_fds=[connection.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C is for this process alone, which then closes the connection.
            start_new_session=True,
        )


def _ready(connection: Connection, address: str | None, patience: float) -> list[Node]:
    try:
        if not connection.poll(patience + START_SECONDS):
            raise ClusterError(f"{_named(address)} does not answer.", _JOIN)
        kind, found = connection.recv()
    except (EOFError, OSError) as error:
        raise ClusterError(f"{_named(address)} broke the connection off.", _JOIN) from error
    if kind == "ready":
        nodes: list[Node] = found
        return nodes
    if "Version mismatch" in found:
        lines = " ".join(line.strip() for line in found.splitlines())
        raise ClusterError(
            f"{_named(address)} has another version of Ray or Python: {lines}",
            "Install the same versions on all machines.",
        )
    raise ClusterError(f"{_named(address)} cannot be used: {found.strip()}", _JOIN)


def _named(address: str | None) -> str:
    return f"The Ray cluster at {address}" if address else "Ray on this machine"
