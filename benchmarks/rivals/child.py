"""One rival, in a process of its own: builds its files, or opens them and is measured.

python -m benchmarks.rivals.child build|measure MODULE:CLASS FOLDER SLOTS

`FOLDER` has `vectors.npy`, `probes.npy`, `new.npy` and `truth.npy`; the rival's files go into
`FOLDER/files`. The last line on standard output is JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.protocol import Rival, Vectors

UNCOUNTED = 3
LEAST = 5
SECONDS = 20.0
AT_ONCE = 20
TOP = (10, 200)


def main() -> None:
    step, name, where, slots = sys.argv[1:]
    folder = Path(where)
    module, kind = name.split(":")
    rival: Rival = getattr(importlib.import_module(module), kind)()
    rival.slots = int(slots)
    result = _build(rival, folder) if step == "build" else _measure(rival, folder)
    print("\n" + json.dumps(result))


def _build(rival: Rival, folder: Path) -> dict[str, Any]:
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    files = folder / "files"
    files.mkdir()
    taken = _seconds(lambda: rival.build(vectors, files))
    size = sum(file.stat().st_size for file in files.rglob("*") if file.is_file())
    return {"build": taken, "bytes": size}


def _measure(rival: Rival, folder: Path) -> dict[str, Any]:
    probes, truth = np.load(folder / "probes.npy"), np.load(folder / "truth.npy")
    opening = _seconds(lambda: rival.open(folder / "files"))
    opening += _seconds(lambda: rival.search(rival.ways[0], probes[0], TOP[0]))
    ways = {way: _ask(rival, way, probes, truth) for way in rival.ways}
    memory = _memory()
    rows = np.load(folder / "vectors.npy", mmap_mode="r").shape[0]
    return {
        "open": opening,
        "ways": ways,
        "memory": memory,
        "add": _add(rival, rows, np.load(folder / "new.npy")),
    }


def _ask(rival: Rival, way: str, probes: Vectors, truth: np.ndarray) -> dict[str, float]:
    """Median seconds of a warm probe for each k, and the share of the ten nearest found."""
    found: dict[str, float] = {}
    shares = []
    for k in TOP:
        taken: list[float] = []
        start = time.perf_counter()
        for number, probe in enumerate(probes):
            begun = time.perf_counter()
            ids = rival.search(way, probe, k)
            if number >= UNCOUNTED:
                taken.append(time.perf_counter() - begun)
            if k == TOP[0]:
                shares.append(np.isin(truth[number], ids).mean())
            if len(taken) >= LEAST and time.perf_counter() - start > SECONDS:
                break
        found[str(k)] = statistics.median(taken)
    found["recall"] = float(np.mean(shares))
    return found


def _add(rival: Rival, rows: int, new: Vectors) -> float | None:
    """Median seconds to add rows, some at once; None where the rival does not."""
    taken: list[float] = []
    for start in range(0, len(new), AT_ONCE):
        begun = time.perf_counter()
        if not rival.add(rows + start, new[start : start + AT_ONCE]):
            return None
        taken.append(time.perf_counter() - begun)
        if sum(taken) > SECONDS:
            break
    return statistics.median(taken)


def _memory() -> dict[str, int]:
    """Bytes of this process and of those that it started (they share its group): the most that was
    resident, and what is its own now, mapped files apart."""
    peak = own = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if os.getpgid(int(status.parent.name)) != os.getpgid(0):
                continue
            facts = dict(re.findall(r"^(\w+):\s+(\d+) kB$", status.read_text(), re.MULTILINE))
        except (OSError, ProcessLookupError):
            continue
        peak += int(facts.get("VmHWM", 0)) * 1024
        own += int(facts.get("RssAnon", 0)) * 1024
    return {"peak": peak, "own": own}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
