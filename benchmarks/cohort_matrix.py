"""Matrices of cohorts against scikit-learn and the machine: in memory, to disk, in slots, in ranks.

    python -m benchmarks.cohort_matrix [--photos 20000] [--folder DIR]

Each run that measures memory is a process of its own. Descriptors are simulated.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.table import keep, median_of, seconds
from gestalt_space.cohort.blocks import write_matrix_in_blocks
from gestalt_space.cohort.matrix import rank_matrix, similarity_matrix

DIM, SLOTS, SLOT_PHOTOS = 512, 12, 5_000
COHORT, CONTROLS = 500, 49_500


def unit(count: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def machine_rate(side: int = 4096) -> float:
    """Multiplications and additions a second of one large matrix product, at its best of three."""
    left = np.random.default_rng(1).standard_normal((side, side), dtype=np.float32)
    right, out = left.copy(), np.empty_like(left)
    np.matmul(left, right, out=out)
    return 2 * side**3 / min(seconds(lambda: np.matmul(left, right, out=out), 3))


def one(task: str, count: int, folder: Path) -> None:
    """Run a task twice, and tell the better's seconds, its share of the rate, and memory's peak."""
    rows = unit(count, DIM)
    rate = machine_rate() if task == "memory" else 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if task == "sklearn":
        from sklearn.metrics import pairwise_distances

        taken = min(seconds(lambda: pairwise_distances(rows, metric="cosine"), 2))
    elif task == "memory":
        taken = min(seconds(lambda: similarity_matrix(rows), 2))
    else:
        names = [str(number) for number in range(count)]
        path = folder / "matrix.npy"
        taken = min(seconds(lambda: write_matrix_in_blocks(rows, names, path, overwrite=True), 2))
        path.unlink()
    if task == "memory":
        rate = max(rate, machine_rate())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    share = 2 * count**2 * DIM / taken / rate if rate else 0.0
    print(json.dumps({"seconds": taken, "mib": peak / 1024, "input": before / 1024, "rate": share}))


def apart(task: str, count: int, folder: Path) -> dict[str, float]:
    """The same in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.cohort_matrix", "--one", task]
    words += ["--photos", str(count), "--folder", str(folder)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    return dict(json.loads(ran.stdout))


def slots_ratio() -> tuple[float, float]:
    """Seconds of twelve matrices of scikit-learn averaged, and of one of whole descriptors."""
    from sklearn.metrics import pairwise_distances

    slots = [unit(SLOT_PHOTOS, DIM, seed) for seed in range(SLOTS)]
    descriptors = np.concatenate(slots, axis=1) / np.float32(np.sqrt(SLOTS))

    def averaged() -> np.ndarray:
        return np.mean([pairwise_distances(slot, metric="cosine") for slot in slots], axis=0)

    theirs = min(seconds(averaged, 2))
    ours = min(seconds(lambda: similarity_matrix(descriptors, value="distance"), 3))
    difference = np.abs(averaged() - similarity_matrix(descriptors, value="distance")).max()
    assert difference < 1e-5, difference
    return theirs, ours


def rank_seconds() -> tuple[float, float]:
    """Seconds of an argsort of the full rows, and of `rank_matrix`: products included in both."""
    rows = unit(COHORT + CONTROLS, DIM)
    cohort, controls = rows[:COHORT], rows[COHORT:]
    owners, others = np.arange(COHORT), np.arange(COHORT, COHORT + CONTROLS)

    def by_argsort() -> np.ndarray:
        order = np.argsort(-(cohort @ rows.T), axis=1, kind="stable")
        places = np.empty_like(order)
        np.put_along_axis(places, order, np.arange(order.shape[1])[None], axis=1)
        return places[:, :COHORT].T

    def ours() -> np.ndarray:
        return rank_matrix(cohort, controls, owners, others)

    # With its own photo at place 0 the plain way is one place behind.
    alike = np.mean((by_argsort() - 1 == ours())[~np.eye(COHORT, dtype=bool)])
    assert alike > 0.999, alike
    return median_of(by_argsort, 3), median_of(ours, 3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--one", choices=("sklearn", "memory", "disk"))
    given = parser.parse_args()
    if given.one:
        one(given.one, given.photos, given.folder)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        runs = {
            task: apart(task, given.photos, Path(folder)) for task in ("sklearn", "memory", "disk")
        }
    sklearn, memory, disk = runs["sklearn"], runs["memory"], runs["disk"]
    faster, smaller = sklearn["seconds"] / disk["seconds"], disk["mib"] / sklearn["mib"]
    size = f"{given.photos:,} × {given.photos:,} × {DIM}"
    their_slots, our_slots = slots_ratio()
    their_ranks, our_ranks = rank_seconds()
    rows = [
        (
            f"{size} to disk",
            "scikit-learn in memory",
            f"{sklearn['seconds']:.1f} s, {sklearn['mib']:,.0f} MiB",
            f"{disk['seconds']:.1f} s, {disk['mib']:,.0f} MiB",
            f"{faster:.2f} ×, {smaller:.0%} of its peak",
            "1.5 ×, under 25 %",
        ),
        (
            f"{size} in memory, all pairs counted",
            "the machine's matrix rate",
            "",
            f"{memory['seconds']:.1f} s",
            f"{memory['rate']:.0%}",
            "75 %",
        ),
        (
            f"12 slots, {SLOT_PHOTOS:,} photos",
            "twelve of scikit-learn averaged",
            f"{their_slots:.2f} s",
            f"{our_slots:.2f} s",
            f"{their_slots / our_slots:.1f} ×",
            "5 ×",
        ),
        (
            f"ranks of {COHORT} among {COHORT + CONTROLS:,}",
            "argsort of the full rows",
            f"{their_ranks:.2f} s",
            f"{our_ranks:.2f} s",
            f"{their_ranks / our_ranks:.1f} ×",
            "3 ×",
        ),
    ]
    header = ("what", "against", "theirs", "ours", "ratio", "wanted")
    command = f"python -m benchmarks.cohort_matrix --photos {given.photos}"
    keep("cohort-matrix", command, header, rows)


if __name__ == "__main__":
    main()
