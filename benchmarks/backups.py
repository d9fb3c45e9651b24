"""Backup and restore of a gallery beside a plain copy of its home.

python -m benchmarks.backups HOME [--photos 100000] [--rounds 5]

HOME is made by `benchmarks.million` where it is missing. The plain copy is `cp -r` of database and
index, synced to the disk file by file; it checks nothing, and is of no one state while somebody
writes. The three are run in turn, and each after what was written before is on the disk. The copy
waits for the disk, and the backup for the processor, which checks it: on a machine that is busy the
ratio is many times that of a quiet one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.million import fill_gallery
from benchmarks.table import keep
from gestalt_space.gallery.archives.restoring import restore
from gestalt_space.home import Gallery
from gestalt_space.settings import load_settings

_COPY = 'cp -r "$0/gallery.sqlite3" "$0/index" "$1" && find "$1" -type f -exec sync {} +'


def prepare(home: Path, photos: int) -> None:
    """Make the home and its index where they are missing."""
    if not (home / "gallery.sqlite3").exists():
        fill_gallery(home, photos)
        with Gallery.open(home) as gallery:
            gallery.rebuild()


def plain_copy(home: Path, out: Path) -> float:
    """Seconds of a plain copy."""
    out.mkdir()
    return _timed(["sh", "-c", _COPY, str(home), str(out)])


def backup(home: Path, out: Path) -> float:
    """Seconds of a backup, the opening of the gallery included."""
    start = time.perf_counter()
    with Gallery.open(home) as gallery:
        gallery.back_up(out)
    return time.perf_counter() - start


def put_back(backup: Path, home: Path) -> float:
    """Seconds of a restore."""
    start = time.perf_counter()
    restore(backup, load_settings(home))
    return time.perf_counter() - start


def _timed(words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(words, check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    prepare(given.home, given.photos)
    scratch = given.home.with_name(f"{given.home.name}-scratch")
    taken: dict[str, list[float]] = {"plain copy": [], "backup": [], "restore": []}
    for _ in range(given.rounds):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        os.sync()
        taken["plain copy"].append(plain_copy(given.home, scratch / "copy"))
        os.sync()
        taken["backup"].append(backup(given.home, scratch / "backup"))
        os.sync()
        taken["restore"].append(put_back(scratch / "backup", scratch / "home"))
    size = sum(path.stat().st_size for path in (scratch / "copy").rglob("*") if path.is_file())
    shutil.rmtree(scratch)
    copy = taken["plain copy"]
    rows = [
        [
            name,
            f"{min(times):.2f}",
            f"{statistics.median(times):.2f}",
            f"{min(times) / min(copy):.2f}",
            f"{statistics.median(t / c for t, c in zip(times, copy, strict=True)):.2f}",
        ]
        for name, times in taken.items()
    ]
    keep(
        "backups",
        f"python -m benchmarks.backups HOME --photos {given.photos} --rounds {given.rounds}"
        f" (database and index {size / 1e6:,.0f} MB; load average {os.getloadavg()[1]:.0f})",
        ("what", "least s", "median s", "least ÷ copy", "median ÷ copy of the round"),
        rows,
    )


if __name__ == "__main__":
    main()
