"""Adding simulated photos with `--engine ray` and without, in turns, each time to a new gallery;
and on one and on four simulated nodes of one core each.

Processor seconds are those of all processes that a command starts, Ray's own among them: on a
machine that others use they tell what the engine costs, and the clock does not.

python -m benchmarks.encoding_ray [--photos 2000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.table import keep
from tests.distributed.nodes import ray_nodes

SEED = 3
MARK = "GESTALT_BENCHMARK_RUN"
"""The variable by which the processes of a run are known."""
EVERY = 0.5


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
    arguments.add_argument("--rounds", type=int, default=2)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = _cohort(folder, given.photos)
        homes = (folder / f"home{number}" for number in itertools.count())
        local, ray = [], []
        for _ in range(given.rounds):
            local.append(_add(table, next(homes)))
            ray.append(_add(table, next(homes), "--engine", "ray"))
        nodes = {}
        for count in (1, 4):
            home = next(homes)
            # Their processes work for this command alone.
            os.environ[MARK] = home.name
            with ray_nodes(*[1] * count) as cluster:
                nodes[count] = _add(table, home, "--engine", "ray", "--address", cluster.address)
    rows = [
        _row("this machine", given.photos, local, local),
        _row("--engine ray, this machine", given.photos, ray, local),
        *(
            _row(f"--engine ray, nodes of one core: {count}", given.photos, [one], [nodes[1]])
            for count, one in nodes.items()
        ),
    ]
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
            "speed by the clock",
            "speed by the processor",
        ),
        rows,
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


def _add(table: Path, home: Path, *options: str) -> tuple[float, float]:
    """Seconds by the clock and of processors."""
    mark = home.name
    watch = Watch(mark)
    start = time.perf_counter()
    _gestalt("index", "add", table, "--home", home, "-q", *options, mark=mark)
    taken = time.perf_counter() - start
    watch.end()
    print(home.name, options[:2], f"{taken:.1f} s", f"{watch.total():.1f} s", flush=True)
    return taken, watch.total()


def _gestalt(*words: object, mark: str = "") -> None:
    command = [sys.executable, "-m", "gestalt_cli", *map(str, words)]
    subprocess.run(command, check=True, env={**os.environ, MARK: mark})


def _row(
    what: str,
    photos: int,
    runs: list[tuple[float, float]],
    against: list[tuple[float, float]],
) -> tuple[str, ...]:
    clock, used = (statistics.median(column) for column in zip(*runs, strict=True))
    others = [statistics.median(column) for column in zip(*against, strict=True)]
    return (
        what,
        f"{clock:.1f}",
        f"{photos / clock:.1f}",
        f"{used:.1f}",
        f"{photos / used:.1f}",
        f"{others[0] / clock:.2f} ×",
        f"{others[1] / used:.2f} ×",
    )


if __name__ == "__main__":
    main()
