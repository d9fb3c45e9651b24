"""A Ray of a command's own: where it listens, who can read what it writes, and what is left of it
when processes are killed."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from gestalt_space.distributed import cluster as cluster_module
from gestalt_space.distributed.cluster import open_cluster
from gestalt_space.distributed.folders import temporary_folder

pytestmark = pytest.mark.lengthy

WORKING = """
from functools import partial
from gestalt_space.distributed.cluster import open_cluster
from gestalt_space.distributed.mapping import ordered_map
from tests.distributed import workers
with open_cluster() as cluster:
    results = ordered_map(cluster, range(10**6), partial(workers.doubling, 0.05), ahead=4)
    next(results)
    print("working", flush=True)
    list(results)
"""


@contextmanager
def working() -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process], Path]]:
    """A command at work on a Ray of its own: its process, all those below it, the driver first, and
    their folder."""
    command = [sys.executable, "-c", WORKING]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        below = psutil.Process(process.pid).children(recursive=True)
        try:
            yield process, below, Path(below[0].cmdline()[-1])
        finally:
            for one in (process, *below):
                with suppress(psutil.Error, ProcessLookupError):
                    one.kill()


def test_all_its_processes_listen_on_this_machine_alone():
    with working() as (command, _, _):
        listening: dict[str, set[str]] = {}
        for process in psutil.Process(command.pid).children(recursive=True):
            with suppress(psutil.Error):
                addresses = {
                    one.laddr.ip
                    for one in process.net_connections("inet")
                    if one.status == psutil.CONN_LISTEN or not one.raddr
                }
                listening.setdefault(process.name(), set()).update(addresses)
    assert {"gcs_server", "raylet"} <= set(listening)
    assert any(name.startswith("ray::") for name in listening), "else no worker was looked at"
    for name, addresses in listening.items():
        for address in addresses:
            ip = ipaddress.ip_address(address)
            ip = getattr(ip, "ipv4_mapped", None) or ip
            assert ip.is_loopback, f"{name} listens on {address}"
    assert listening["gcs_server"]
    assert listening["raylet"]


def test_other_users_cannot_enter_its_folder(monkeypatch: pytest.MonkeyPatch):
    folders = []

    @contextmanager
    def recorded() -> Iterator[Path]:
        with temporary_folder() as folder:
            folders.append(folder)
            yield folder

    monkeypatch.setattr(cluster_module, "temporary_folder", recorded)
    with open_cluster():
        (folder,) = folders
        assert any((folder / "ray").iterdir()), "else Ray writes elsewhere"
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_nothing_is_left_when_its_command_is_killed():
    with working() as (command, below, folder):
        assert any(one.name() == "raylet" for one in below)
        command.kill()
        _, alive = psutil.wait_procs(below, timeout=60)
        assert alive == []
        assert not folder.exists()


def test_the_next_command_deletes_what_is_left_when_all_are_killed():
    with working() as (command, below, folder):
        below[0].kill()
        command.kill()
        main = [one for one in below if one.name() in ("gcs_server", "raylet")]
        assert psutil.wait_procs(main, timeout=20)[1] == []
        assert folder.exists()
        with open_cluster():
            assert not folder.exists()
        # Ray's agents try to reach it for a minute.
        assert psutil.wait_procs(below, timeout=150)[1] == []


def test_a_command_that_is_interrupted_ends_soon_and_leaves_nothing():
    with working() as (command, below, folder):
        psutil.Process(command.pid).send_signal(2)
        assert command.wait(30) != 0
        _, alive = psutil.wait_procs(below, timeout=10)
        assert alive == []
        assert not folder.exists()
