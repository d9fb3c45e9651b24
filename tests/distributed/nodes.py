"""A Ray cluster of several nodes on this machine, in a process of its own: Ray takes over the
process that it runs in."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class RayNodes:
    """A cluster whose head has no cores, until others are added."""

    def __init__(self, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.distributed.nodes", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        )
        self.address: str = self._ask("head")

    def add(self, cpus: int = 1, gpus: int = 0, ip: str | None = None) -> int:
        """Add a node, on an IP address of its own if one is given; its number."""
        number: int = self._ask("add", cpus, gpus, {} if ip is None else {"node_ip_address": ip})
        return number

    def kill(self, number: int) -> None:
        """Kill all processes of a node."""
        self._ask("kill", number)

    def kill_head(self) -> None:
        self._ask("kill_head")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _ask(self, *message: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def ray_nodes(*cpus: int) -> Iterator[RayNodes]:
    """A cluster with nodes of so many cores each; all of it ends with the context."""
    # Short: the path of a socket has at most 107 characters.
    folder = tempfile.mkdtemp(prefix="gestalt-nodes-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        # Its drivers are started by this process; one in the user's own folder does not count.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", os.environ.get("RAY_AUTH_TOKEN") or secrets.token_hex(32))
        nodes = RayNodes(folder)
        try:
            for count in cpus:
                nodes.add(count)
            yield nodes
        finally:
            nodes.close()
            shutil.rmtree(folder, ignore_errors=True)


def serve(folder: str) -> None:
    """Answer on standard output what is asked on standard input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 2**20}
    head = {"num_cpus": 0, "include_dashboard": False, "temp_dir": folder, **small}
    cluster, nodes = Cluster(initialize_head=True, head_node_args=head), []
    for line in sys.stdin:
        match json.loads(line):
            case ["head"]:
                answer: Any = cluster.address
            case ["add", cpus, gpus, options]:
                nodes.append(cluster.add_node(num_cpus=cpus, num_gpus=gpus, **options, **small))
                answer = len(nodes) - 1
            case ["kill", number]:
                cluster.remove_node(nodes[number], allow_graceful=False)
                answer = None
            case ["kill_head"]:
                cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
                answer = None
        answers.write(json.dumps(answer) + "\n")
    cluster.shutdown()


if __name__ == "__main__":
    serve(sys.argv[1])
