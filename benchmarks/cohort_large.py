"""A matrix far larger than memory, killed on the way and gone on with.

    python -m benchmarks.cohort_large FOLDER [--photos 100000] [--number float32]

The file takes photos² × 4 bytes of FOLDER, 40 GB by default, and is removed at the end. The process
that writes it is killed (SIGKILL) when half of its rows are told; the same call then goes on. A
thousand random cells are compared with products in double precision.
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.cohort_matrix import DIM, unit
from benchmarks.table import keep
from gestalt_space.cohort.blocks import write_matrix_in_blocks

CELLS = 1_000
SEED = 5


def write(photos: int, number: str, path: Path) -> None:
    """Write the matrix, telling the rows that are done, and memory's peak in MiB at the end."""
    rows = unit(photos, DIM)
    names = [str(row) for row in range(photos)]
    write_matrix_in_blocks(
        rows, names, path, number=number, on_rows=lambda done, _: print(done, flush=True)
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


def run(words: list[str], until: int | None) -> tuple[list[int], float]:
    """What a writing process told, and its seconds; killed when it tells of `until` rows."""
    start, told = time.perf_counter(), []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        for line in writing.stdout:
            told.append(int(line))
            if until is not None and told[-1] >= until:
                writing.send_signal(signal.SIGKILL)
                break
    assert writing.returncode == (0 if until is None else -signal.SIGKILL), writing.returncode
    return told, time.perf_counter() - start


def largest_error(path: Path, photos: int) -> float:
    """The largest difference of random cells, and of their mirrors, to products of their rows."""
    rows, found = unit(photos, DIM), np.load(path, mmap_mode="r")
    assert found.shape == (photos, photos)
    pairs = np.random.default_rng(SEED).integers(0, photos, (CELLS, 2))
    wanted = np.einsum("cd,cd->c", rows[pairs[:, 0]].astype(np.float64), rows[pairs[:, 1]])
    cells = np.stack([found[tuple(pairs.T)], found[tuple(pairs[:, ::-1].T)]])
    return float(np.abs(cells - wanted).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--number", choices=("float32", "float16"), default="float32")
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.photos, given.number, given.folder)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "matrix.npy"
        words = [sys.executable, "-m", "benchmarks.cohort_large", str(path), "--write"]
        words += ["--photos", str(given.photos), "--number", given.number]
        killed, first = run(words, given.photos // 2)
        assert not path.exists()
        (*resumed, peak), second = run(words, None)
        size = path.stat().st_size
        error = largest_error(path, given.photos)
    rows = [
        ("until it was killed", f"{killed[-1]:,} rows told", f"{first:.0f} s"),
        ("gone on", f"first told: {resumed[0]:,} rows", f"{second:.0f} s"),
        ("its peak of memory, descriptors included", f"{peak:,} MiB", ""),
        ("the file", f"{size / 1e9:.1f} GB", f"{size / 1e6 / (first + second):.0f} MB/s"),
        (f"largest error of {CELLS:,} random cells and their mirrors", f"{error:.1e}", ""),
    ]
    keep(
        "cohort-large",
        f"python -m benchmarks.cohort_large FOLDER --photos {given.photos} --number {given.number}",
        (f"{given.photos:,} × {given.photos:,} × {DIM}, {given.number}", "", "time"),
        rows,
    )


if __name__ == "__main__":
    main()
