"""One probe, twenty more rows, opening and memory: gestalt-space beside what a user would search
descriptors with instead, on the same rows.

python -m benchmarks.rivals --environments FOLDER [--rows 1000000] [--slots 1] [--only NAME …]

Each rival runs in a virtual environment and a process of its own. Times are medians of warm probes,
held-out photos of patients in the gallery, with the rival's own number of threads. Opening is that
of a new process, from its imports to its first answer, files in the page cache. Memory is the most
that was resident, and in brackets what was its own at the end, mapped files apart. Recall is the
share of the ten nearest, which NumPy finds in float64, that is among the rival's ten.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.million import DIM, SEED, make_population
from benchmarks.rivals.environments import RIVALS, Entry, NotInstalled, python_of
from benchmarks.rivals.protocol import Ids, nearest
from benchmarks.table import keep
from gestalt_space.types import Descriptors

PROBES = 20
NEW = 100
BLOCK = 65_536
HEADER = (
    "what",
    "way",
    "top 10, ms",
    "top 200, ms",
    "recall of 10",
    "add 20 rows, ms",
    "open, ms",
    "memory, MB",
    "disk, MB",
    "build, s",
)


class NotMeasured(Exception):
    """A rival failed or took too long; the message says which."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--slots", type=int, default=1, help=f"of {DIM} numbers each")
    parser.add_argument("--only", nargs="+", default=[entry.name for entry in RIVALS])
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds of one step")
    given = parser.parse_args()
    chosen = [entry for entry in RIVALS if entry.name in given.only]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_data(folder, given.rows, given.slots)
        rows = []
        for entry in chosen:
            for row in rows_of(entry, folder, given.environments, given.slots, given.limit):
                rows.append(row)
                print(*row, sep=" | ", file=sys.stderr, flush=True)
    keep(
        f"rivals-{given.rows}x{given.slots * DIM}",
        f"python -m benchmarks.rivals --rows {given.rows} --slots {given.slots}  # seed {SEED}",
        HEADER,
        rows,
    )


def make_data(folder: Path, rows: int, slots: int) -> None:
    """The files that `child` reads."""
    people = make_population(rows, slots=slots)
    vectors = people.vectors(folder / "vectors.npy")
    held_out = people.held_out(PROBES + NEW)[0]
    np.save(folder / "probes.npy", held_out[:PROBES])
    np.save(folder / "new.npy", held_out[PROBES:])
    np.save(folder / "truth.npy", _ten_nearest(vectors, held_out[:PROBES]))


def _ten_nearest(vectors: Descriptors, probes: Descriptors) -> Ids:
    """`(q, 10)` in float64: of more that float32 finds, so that its rounding does not matter."""
    similarities = np.empty((len(probes), len(vectors)), np.float32)
    for start in range(0, len(vectors), BLOCK):
        similarities[:, start : start + BLOCK] = probes @ vectors[start : start + BLOCK].T
    truth = []
    for probe, row in zip(probes, similarities, strict=True):
        some = nearest(row, 50)
        truth.append(some[nearest(vectors[some].astype(np.float64) @ probe, 10)])
    return np.stack(truth)


def rows_of(
    entry: Entry, folder: Path, environments: Path, slots: int, limit: float
) -> list[tuple[str, ...]]:
    """Rows of the table: one for each way of a rival, or one that says why it was not measured.

    `limit`: seconds of one step.
    """
    files = folder / "files"
    try:
        python = python_of(entry, environments)
        built = _child(python, "build", entry, folder, slots, limit)
        found = _child(python, "measure", entry, folder, slots, limit)
    except (NotInstalled, NotMeasured) as error:
        return [(_title(entry), str(error), *[""] * (len(HEADER) - 2))]
    finally:
        shutil.rmtree(files, ignore_errors=True)
    memory = found["memory"]
    add = "not offered" if found["add"] is None else _ms(found["add"])
    rest = (
        add,
        _ms(found["open"]),
        f"{memory['peak'] / 1e6:,.0f} ({memory['own'] / 1e6:,.0f})",
        f"{built['bytes'] / 1e6:,.0f}",
        f"{built['build']:.1f}",
    )
    return [
        (
            _title(entry),
            way,
            _ms(asked["10"]),
            _ms(asked["200"]),
            f"{asked['recall']:.3f}",
            *(rest if number == 0 else [""] * len(rest)),
        )
        for number, (way, asked) in enumerate(found["ways"].items())
    ]


def _child(
    python: Path, step: str, entry: Entry, folder: Path, slots: int, limit: float
) -> dict[str, Any]:
    """What one step of a rival printed. Raises `NotMeasured`."""
    kind = f"benchmarks.rivals.{entry.kind}"
    command = [str(python), "-m", "benchmarks.rivals.child", step, kind, str(folder), str(slots)]
    code, output, errors = _run(command, limit)
    if code is None:
        raise NotMeasured(f"{step}: not ended after {limit:g} s")
    if code < 0:
        raise NotMeasured(f"{step}: ended by {signal.Signals(-code).name}")
    if code:
        raise NotMeasured(f"{step}: {(errors.strip().splitlines() or ['no message'])[-1]}")
    result: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return result


def _run(command: Sequence[str], limit: float) -> tuple[int | None, str, str]:
    """Exit code, None past the limit, and both outputs. What the command started ends with it."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command,
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, "", ""
        return process.returncode, output, errors


def _title(entry: Entry) -> str:
    return (
        f"{entry.name} {entry.requirements[0].split('==')[1]}" if entry.requirements else entry.name
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f}"


if __name__ == "__main__":
    main()
