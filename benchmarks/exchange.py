"""Export and import of whole galleries, as commands: time, and the peak of memory.

python -m benchmarks.exchange FOLDER [--photos 10000 100000]

Homes are made in FOLDER by `benchmarks.million` where they are missing; they have no crops. The
import is into a new home, and ends with its index and its calibration. Memory is that of the whole
process, files of the index that it has mapped included.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.backups import prepare
from benchmarks.table import keep

_GESTALT = Path(sys.executable).with_name("gestalt")


def ran(*words: str | Path) -> tuple[float, float]:
    """Seconds of a command, and the peak of its memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([_GESTALT, *words])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"gestalt {' '.join(map(str, words))} failed"
    return time.perf_counter() - start, usage.ru_maxrss / 1e3


def exchange(home: Path, scratch: Path) -> dict[str, tuple[float, float]]:
    """An export and its import into a new home that has the same models."""
    scratch.mkdir()
    new = scratch / "home"
    shutil.copytree(home / "models", new / "models")
    os.sync()
    exported = ran("index", "export", scratch / "export", "--home", home)
    os.sync()
    return {"export": exported, "import": ran("index", "import", scratch / "export", "--home", new)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 100_000])
    given = parser.parse_args()
    scratch = given.folder / "scratch"
    rows = []
    for photos in given.photos:
        prepare(given.folder / str(photos), photos)
        shutil.rmtree(scratch, ignore_errors=True)
        for name, (seconds, memory) in exchange(given.folder / str(photos), scratch).items():
            rate = f"{photos / seconds:,.0f}"
            rows.append([name, f"{photos:,}", f"{seconds:.1f}", rate, f"{memory:,.0f}"])
        shutil.rmtree(scratch)
    keep(
        "exchange",
        f"python -m benchmarks.exchange FOLDER --photos {' '.join(map(str, given.photos))}"
        f" (load average {os.getloadavg()[1]:.0f})",
        ("what", "photos", "seconds", "photos a second", "peak MB"),
        rows,
    )


if __name__ == "__main__":
    main()
