"""Matrices in chunks, by threads and by Ray, against `.npy`; killed and gone on with.

    python -m benchmarks.cohort_blocks FOLDER [--photos 10000 20000] [--rounds 3]

Takes up to photos² × 6 bytes of FOLDER, and leaves nothing there. The three ways take turns, each
in a process of its own. The time of threads and of Ray's workers is that of the processor; what
Ray itself costs is in the seconds that passed. The process that writes by Ray is killed (SIGKILL)
half-way, and its matrix, when it was gone on with, compared file by file with that of threads.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cohort_matrix import DIM, unit
from benchmarks.table import keep
from gestalt_space.cohort.blocks import write_matrix_in_blocks
from gestalt_space.cohort.chunked_matrix import write_matrix_in_chunks
from gestalt_space.cohort.chunks import Grid
from gestalt_space.cohort.pair_figures import pair_figures
from gestalt_space.cohort.workers import engine_workers

WAYS = ("npy", "threads", "ray")
NUMBER = "float16"
GOAL = 200_000
DISORDERS = 100


def timed(make_work: Callable[[], Any]) -> Callable[[Any], Any]:
    """Work whose results come with the processor time that they took, and the process's peak of
    memory."""
    work = make_work()

    def one(item: Any) -> Any:
        before = time.thread_time()
        result = work(item)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return result, (time.thread_time() - before, peak)

    return one


class Timed:
    """Workers, the processor time that they took so far, and the highest peak of memory of one."""

    def __init__(self, workers: Any) -> None:
        self._workers = workers
        self.seconds, self.peak = 0.0, 0

    def handed(self, rows: Any, folder: Path | None = None) -> Any:
        """As these workers."""
        return self._workers.handed(rows, folder)

    def __call__(self, make_work: Any, items: Any) -> Iterator[Any]:
        """The results alone."""
        # By the name that processes of Ray find it by.
        from benchmarks.cohort_blocks import timed

        for result, (seconds, peak) in self._workers(partial(timed, make_work), items):
            self.seconds += seconds
            self.peak = max(self.peak, peak)
            yield result


def write(way: str, photos: int, path: Path) -> None:
    """Write a matrix, telling the tiles that are done, and its figures at the end."""
    rows, names = unit(photos, DIM), [str(row) for row in range(photos)]
    if way == "npy":
        start, before = time.perf_counter(), time.process_time()
        write_matrix_in_blocks(rows, names, path, number=NUMBER)
        passed, cpu = time.perf_counter() - start, time.process_time() - before
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    else:
        with engine_workers("ray" if way == "ray" else "local", None, path.parent) as plain:
            workers = Timed(plain)
            start = time.perf_counter()
            write_matrix_in_chunks(
                *(rows, names, path),
                number=NUMBER,
                workers=workers,
                on_tiles=lambda done, _: print(done, flush=True),
            )
            passed = time.perf_counter() - start
        cpu, peak = workers.seconds, workers.peak
    print(json.dumps({"passed": passed, "cpu": cpu, "mib": peak // 1024}), flush=True)


def run(way: str, photos: int, path: Path, until: int | None = None) -> tuple[list[int], Any]:
    """What a process of its own told: tiles, and figures; killed when it tells of so many."""
    words = [sys.executable, "-m", "benchmarks.cohort_blocks", str(path), "--one", way]
    told: list[Any] = []
    with subprocess.Popen(
        [*words, "--photos", str(photos)], stdout=subprocess.PIPE, text=True
    ) as writing:
        assert writing.stdout is not None
        for line in writing.stdout:
            told.append(json.loads(line))
            if until is not None and told[-1] >= until:
                writing.send_signal(signal.SIGKILL)
                break
    assert writing.returncode == (0 if until is None else -signal.SIGKILL), writing.returncode
    return (told, None) if until is not None else (told[:-1], told[-1])


def remove(path: Path) -> None:
    subprocess.run(["rm", "-rf", str(path)], check=True)


def compared(photos: int, rounds: int, folder: Path) -> list[tuple[str, ...]]:
    """Rows of a table: the ways in turns, by their medians."""
    found: dict[str, list[Any]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            path = folder / f"m.{'npy' if way == 'npy' else 'zarr'}"
            found[way].append(run(way, photos, path)[1])
            remove(path)
    size = f"{photos:,} × {photos:,} × {DIM}, {NUMBER}"
    npy = statistics.median(one["passed"] for one in found["npy"])
    rows = []
    for way in WAYS:
        passed, cpu, mib = (
            statistics.median(one[name] for one in found[way]) for name in ("passed", "cpu", "mib")
        )
        goal = cpu * (GOAL / photos) ** 2 / 3600
        rows.append(
            (
                *(size, way, f"{passed:.1f} s", f"{passed / npy:.2f} ×", f"{cpu:.1f} s"),
                *(f"{mib:,.0f} MiB", f"{goal:.1f} h"),
            )
        )
    return rows


def killed(photos: int, folder: Path) -> tuple[str, ...]:
    """A row: a matrix by Ray whose process is killed half-way, gone on with by Ray."""
    parts = Grid.of(photos, NUMBER).parts
    tiles = parts * (parts + 1) // 2
    one, other = folder / "one.zarr", folder / "other.zarr"
    run("threads", photos, one)
    told, _ = run("ray", photos, other, until=tiles // 2)
    again, _ = run("ray", photos, other)
    chunks = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    alike, different, missing = filecmp.cmpfiles(one, other, map(str, chunks), shallow=False)
    for path in (one, other):
        remove(path)
    assert not [*different, *missing], (different, missing)
    return (
        f"{photos:,} photos by Ray, killed and gone on with",
        *(f"{told[-1]} of {tiles} tiles told", f"first told: {again[0]}", ""),
        *("", f"{len(alike)} files those of threads", ""),
    )


def figures(photos: int) -> tuple[str, ...]:
    """A row: mean, spread and percentiles of all pairs, without their matrix."""
    rows = unit(photos, DIM)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    pair_figures(rows)
    passed, cpu = time.perf_counter() - start, time.process_time() - cpu
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    matrix = photos**2 * 4 / 2**20
    return (
        f"figures of all pairs of {photos:,}",
        *("threads", f"{passed:.1f} s", "", f"{cpu:.1f} s"),
        *(
            f"{more:,} MiB more; a matrix: {matrix:,.0f}",
            f"{cpu * (GOAL / photos) ** 2 / 3600:.1f} h",
        ),
    )


def sizes() -> list[tuple[str, ...]]:
    """Rows: what compression would save of a chunk of similarities, and what it would cost."""
    import zarr
    from zarr.codecs import BloscCodec, ZstdCodec

    rng = np.random.default_rng(0)
    centres = rng.standard_normal((DISORDERS, DIM))
    rows = rng.standard_normal((2 * 1920, DIM)) + 0.7 * centres[rng.integers(0, DISORDERS, 3840)]
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    tile, found = rows[:1920] @ rows[1920:].T, []
    for number in ("float32", "float16"):
        for name, codec in (
            ("zstd 1", ZstdCodec(level=1)),
            ("blosc, lz4, bits shuffled", BloscCodec(cname="lz4", shuffle="bitshuffle")),
            ("blosc, zstd 3, shuffled", BloscCodec(cname="zstd", clevel=3, shuffle="shuffle")),
        ):
            kept: dict[str, Any] = {}
            array = zarr.create_array(
                zarr.storage.MemoryStore(kept),
                shape=tile.shape,
                chunks=tile.shape,
                dtype=number,
                compressors=[codec],
            )
            values = tile.astype(number)
            start = time.process_time()
            array[:] = values
            cpu = time.process_time() - start
            share = len(kept["c/0/0"]) / values.nbytes
            found.append(
                (
                    f"a chunk of {DISORDERS} disorders, {number}",
                    *(name, "", "", f"{values.nbytes / 1e6 / cpu:.0f} MB/s", f"{share:.0%}", ""),
                )
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 20_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        write(given.one, given.photos[0], given.folder)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        rows = [
            row for photos in given.photos for row in compared(photos, given.rounds, Path(name))
        ]
        rows.append(killed(given.photos[-1], Path(name)))
    rows += [figures(given.photos[-1]), *sizes()]
    photos = " ".join(map(str, given.photos))
    keep(
        "cohort-blocks",
        f"python -m benchmarks.cohort_blocks FOLDER --photos {photos} --rounds {given.rounds}",
        (
            *("what", "how", "time", "against .npy", "processor time of those who compute"),
            *("peak of memory of one process, or size", f"computed for {GOAL:,}²"),
        ),
        rows,
    )


if __name__ == "__main__":
    main()
