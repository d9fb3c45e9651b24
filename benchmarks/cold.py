"""What `gestalt match photo.jpg` costs from nothing, with the built-in models and a gallery of
simulated patients: processor time, user and system, of the whole process.

python -m benchmarks.cold [--photos 400]

The imports are the modules that a match has loaded when it ends, imported by a process that does
nothing else; the start of the interpreter is not among them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import keep

REPEATS = 15
SEED = 7
COMMAND = "from gestalt_cli import main; main()"
LOADED = f"""
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
{COMMAND}
"""
IMPORTS = """
import contextlib, importlib, sys, time
start = time.process_time()
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
print(time.process_time() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=400, help="of the gallery, about")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        match = _match_of_a_new_gallery(Path(folder), given.photos)
        loaded = _run(LOADED, *match).stderr.split()
        whole = _median(lambda: _spent(COMMAND, *match))
        imports = _median(lambda: float(_run(IMPORTS, *loaded).stdout))
        bare = _median(lambda: _spent("pass"))
    rows = [
        ("`gestalt match photo.jpg`", f"{whole:.2f} s", "at most 2.5 s"),
        (f"of which imports ({len(loaded)} modules)", f"{imports:.2f} s", "under 1 s"),
        ("of which the start of Python", f"{bare:.2f} s", ""),
    ]
    keep(
        "cold",
        f"python -m benchmarks.cold --photos {given.photos}  # seed {SEED}, medians of {REPEATS}",
        ("what", "processor time", "asked"),
        rows,
    )


def _match_of_a_new_gallery(folder: Path, photos: int) -> list[str]:
    """The words of a match with a gallery made for it, in which the photo is."""
    cohort, home = str(folder / "cohort"), str(folder / "home")
    size = ["--disorders", str(photos // 10), "--patients", str(photos * 3 // 4)]
    _run(COMMAND, "simulate", "cohort", "-o", cohort, *size, "--seed", str(SEED))
    _run(COMMAND, "index", "add", f"{cohort}/patients.csv", "--home", home)
    photo = min((folder / "cohort" / "photos").iterdir())
    return ["match", str(photo), "--home", home]


def _median(measured: Callable[[], float]) -> float:
    return statistics.median(measured() for _ in range(REPEATS))


def _spent(code: str, *words: str) -> float:
    """Seconds that the processor spent on a process, for its user and for the system."""
    before = os.times()
    _run(code, *words)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def _run(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True)


if __name__ == "__main__":
    main()
