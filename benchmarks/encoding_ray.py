"""Adding simulated photos with `--engine ray` and without, and on one and on four simulated nodes
of one core each.

All four run in each round, in the opposite order each time, and each adds to a new gallery. The
table has medians, with the least and the most.

Processor seconds are those of all processes that a command starts, Ray's own among them: on a
machine that others use they tell what the engine costs, and the clock does not. Speeds are compared
within a round.

python -m benchmarks.encoding_ray [--photos 2000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from benchmarks.table import keep
from tests.distributed.nodes import ray_nodes

SEED = 3
MARK = "GESTALT_BENCHMARK_RUN"
"""The variable by which the processes of a run are known."""
EVERY = 0.5
LOCAL = "this machine"
ONE_NODE = "--engine ray, nodes of one core: 1"
Run = tuple[float, float]
"""Seconds by the clock, and of processors."""


class Watch:
    """Sums the processor seconds of all processes that have a mark."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._seconds: dict[tuple[int, float], float] = {}
        self._others: set[tuple[int, float]] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def total(self) -> float:
        """The sum up to now."""
        self._look()
        return sum(self._seconds.values())

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._ended.wait(EVERY):
            self._look()

    def _look(self) -> None:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                key = process.pid, process.create_time()
                if key in self._others:
                    continue
                if key not in self._seconds and process.environ().get(MARK) != self._mark:
                    self._others.add(key)
                    continue
                times = process.cpu_times()
                self._seconds[key] = times.user + times.system


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = _cohort(folder, given.photos)
        kinds: dict[str, Callable[[Path], Run]] = {
            LOCAL: partial(_add, table),
            "--engine ray, this machine": partial(_add_by_ray, table),
            ONE_NODE: partial(_add_on_nodes, table, 1),
            "--engine ray, nodes of one core: 4": partial(_add_on_nodes, table, 4),
        }
        runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
        for number in range(given.rounds):
            # What the machine does beside it falls on all kinds alike.
            for kind in list(kinds)[:: -1 if number % 2 else 1]:
                home = folder / f"home{number}-{list(kinds).index(kind)}"
                runs[kind].append(kinds[kind](home))
                shutil.rmtree(home)
    keep(
        "encoding-ray",
        f"python -m benchmarks.encoding_ray --photos {given.photos} --rounds {given.rounds}"
        f"  # seed {SEED}",
        (
            "what",
            "seconds",
            "photos a second",
            "processor seconds",
            "photos a second of one core",
            "compared with",
            "speed by the clock",
            "speed by the processor",
        ),
        [
            _row(kind, given.photos, runs[kind], against, runs[against])
            for kind, against in zip(kinds, (LOCAL, LOCAL, ONE_NODE, ONE_NODE), strict=True)
        ],
    )


def _cohort(folder: Path, photos: int) -> Path:
    """A table of simulated patients with so many photos."""
    where = folder / "cohort"
    told = ["simulate", "cohort", "-o", where, "--patients", photos, "--seed", SEED, "-q"]
    _gestalt(*told, "--disorders", max(2, photos // 20))
    table = where / "patients.csv"
    lines = table.read_text(encoding="utf-8").splitlines()[: photos + 1]
    assert len(lines) == photos + 1
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def _add(table: Path, home: Path, *options: str) -> Run:
    mark = home.name
    watch = Watch(mark)
    start = time.perf_counter()
    _gestalt("index", "add", table, "--home", home, "-q", *options, mark=mark)
    taken = time.perf_counter() - start
    watch.end()
    print(home.name, options[:2], f"{taken:.1f} s", f"{watch.total():.1f} s", flush=True)
    return taken, watch.total()


def _add_by_ray(table: Path, home: Path) -> Run:
    return _add(table, home, "--engine", "ray")


def _add_on_nodes(table: Path, count: int, home: Path) -> Run:
    # The processes of the nodes work for this command alone.
    os.environ[MARK] = home.name
    with ray_nodes(*[1] * count) as cluster:
        return _add(table, home, "--engine", "ray", "--address", cluster.address)


def _gestalt(*words: object, mark: str = "") -> None:
    command = [sys.executable, "-m", "gestalt_cli", *map(str, words)]
    subprocess.run(command, check=True, env={**os.environ, MARK: mark})


def _row(
    what: str, photos: int, runs: list[Run], against: str, others: list[Run]
) -> tuple[str, ...]:
    clock, used = zip(*runs, strict=True)
    clock_speed, used_speed = (
        [other[column] / run[column] for run, other in zip(runs, others, strict=True)]
        for column in (0, 1)
    )
    return (
        what,
        _spread(clock, 1),
        f"{photos / statistics.median(clock):.1f}",
        _spread(used, 1),
        f"{photos / statistics.median(used):.1f}",
        against,
        _spread(clock_speed, 2),
        _spread(used_speed, 2),
    )


def _spread(values: Sequence[float], digits: int) -> str:
    """The median, the least and the most."""
    middle, *ends = (
        f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({'–'.join(ends)})"


if __name__ == "__main__":
    main()
