"""The map on a cluster of several nodes, which come and go."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import psutil
import pytest

from gestalt_space.distributed import cluster as cluster_module
from gestalt_space.distributed.cluster import check_address, open_cluster
from gestalt_space.distributed.mapping import ordered_map
from gestalt_space.distributed.resources import Resources
from gestalt_space.errors import ClusterError, ClusterLost, UsageError
from tests.distributed import workers
from tests.distributed.nodes import RayNodes, ray_nodes

pytestmark = pytest.mark.lengthy


def test_all_nodes_work(nodes: RayNodes):
    with open_cluster(nodes.address) as cluster:
        assert sorted(node.cpus for node in cluster.nodes) == [0, 1, 1]
        found = list(ordered_map(cluster, range(12), partial(workers.doubling, 0.05), ahead=6))
    assert [one.value[0] for one in found] == [2 * item for item in range(12)]
    assert len({one.value[1] for one in found}) == 2


def test_the_work_of_a_node_that_is_killed_goes_to_others(nodes: RayNodes):
    extra = nodes.add()
    values, processes = [], set()
    with open_cluster(nodes.address) as cluster:
        for one in ordered_map(cluster, range(300), partial(workers.doubling, 0.05), ahead=12):
            value, process = one.value
            values.append(value)
            if len({*processes, process}) == 3 and len(processes) < 3:
                nodes.kill(extra)
            processes.add(process)
    assert values == [2 * item for item in range(300)]
    assert len(processes) >= 3, "else the third machine did nothing before it was killed"


def test_workers_go_where_their_gpu_is(nodes: RayNodes):
    with_gpu = nodes.add(cpus=2, gpus=1)
    with open_cluster(nodes.address) as cluster:
        resources = Resources(cpus=2, gpus=1)
        assert resources.places(cluster.nodes) == 1
        (told,) = ordered_map(cluster, [None], workers.about, ahead=1, resources=resources)
    nodes.kill(with_gpu)
    assert told.value is not None
    assert (told.value["gpus"], told.value["cores"]) == ("0", 2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_equal_names_of_machines_are_told_apart(nodes: RayNodes):
    extra = nodes.add(ip="127.0.0.77")
    with open_cluster(nodes.address) as cluster:
        names = {node.name for node in cluster.nodes}
        found = list(ordered_map(cluster, range(60), workers.machine, ahead=12))
    nodes.kill(extra)
    host = socket.gethostname()
    assert f"{host} (127.0.0.77)" in names
    assert len(names) == 2
    assert all(name.startswith(f"{host} (") for name in names)
    assert {one.node for one in found} == {one.value for one in found} == names


def test_no_machine_with_room_for_a_worker(nodes: RayNodes):
    needed = Resources(cpus=64, gpus=8)
    with open_cluster(nodes.address, patience=1) as cluster:
        results = ordered_map(cluster, [1], workers.doubling, ahead=1, resources=needed)
        with pytest.raises(ClusterError, match="has 64 free cores and 8 free GPUs") as caught:
            next(results)
    assert "ray status" in caught.value.hint


def test_a_cluster_that_goes_away():
    with ray_nodes(1) as nodes, open_cluster(nodes.address, patience=2) as cluster:
        results = ordered_map(cluster, range(10**6), partial(workers.doubling, 0.05), ahead=4)
        assert [next(results).item for _ in range(3)] == [0, 1, 2]
        nodes.kill_head()
        with pytest.raises(
            ClusterLost, match=f"The Ray cluster at {nodes.address} is gone"
        ) as caught:
            list(results)
    assert "repeat the command" in caught.value.hint


def test_nobody_answers_at_the_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with (
        pytest.raises(ClusterError, match=f"No Ray cluster answers at {address}") as caught,
        open_cluster(address),
    ):
        raise AssertionError
    assert "ray start" in caught.value.hint


def test_something_else_answers_at_the_address(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_module, "START_SECONDS", 2.0)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with (
            pytest.raises(ClusterError, match="does not answer"),
            open_cluster(address, patience=1),
        ):
            raise AssertionError
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "address", ["", "head", "head:", ":6379", "head:port", "head:70000", "ray://head:10001"]
)
def test_what_is_no_address(address: str):
    with pytest.raises(UsageError, match="not the address of a Ray cluster"):
        check_address(address)


def test_ray_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="Ray is not installed") as caught, open_cluster():
        raise AssertionError
    assert caught.value.hint == "Run `pip install 'gestalt-space[ray]'`."


def test_ray_is_not_used_on_windows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster_module, "IS_POSIX", False)
    with pytest.raises(UsageError, match="not used on Windows"):
        check_address(None)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            ("refused", "Version mismatch: The cluster was started with:\n    Ray: 2.55"),
            "Ray: 2.55",
        ),
        (("refused", "Ran out of luck."), "cannot be used: Ran out of luck"),
    ],
)
def test_what_ray_says_when_it_refuses(answer: tuple[str, str], told: str):
    ours, theirs = Pipe()
    with ours, theirs:
        theirs.send(answer)
        with pytest.raises(ClusterError, match=told) as caught:
            cluster_module._ready(ours, "head:6379", 1)
    assert ("another version" in caught.value.message) == ("Version" in answer[1])


def test_a_process_of_ray_that_ends_at_its_start():
    ours, theirs = Pipe()
    with ours:
        theirs.close()
        with pytest.raises(ClusterError, match="broke the connection off"):
            cluster_module._ready(ours, None, 1)


OPENED = """
import sys, time
from gestalt_space.distributed.cluster import open_cluster
with open_cluster(sys.argv[1]):
    print("opened", flush=True)
    time.sleep(600)
"""


def test_a_process_that_is_killed_leaves_nothing(nodes: RayNodes):
    command = [sys.executable, "-c", OPENED, nodes.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "opened\n"
        (driver,) = psutil.Process(killed.pid).children()
        folder = Path(driver.cmdline()[-1])
        assert folder.is_dir()
        killed.kill()
    driver.wait(60)
    assert not folder.exists()
