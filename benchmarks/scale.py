"""What a large gallery needs, on paper: constants that are measured here, and what they give for
10^5 … 10^9 photos. `docs/scale.md` explains the table.

python -m benchmarks.scale SHARED [--folder FOLDER]

The database: 100,000 made-up photos. Crops: of the photos of `data/wild`, 250 to 1,700 pixels wide.
Adding: 200 small photos of UTKFace. `--folder`: on the disk to be measured, with 6 GB free; the
system's temporary folder where left out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sqlite3
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.million import DIM, PATIENTS, PHOTOS, fill_gallery
from benchmarks.table import keep
from gestalt_space import Gallery, PhotoRecord
from gestalt_space.gallery.intake import Intake
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import open_segment
from gestalt_space.index.writing import write_segment

SEED = 15
MADE, ADDED = 100_000, 200
ROW = 4 * DIM + DIM + 4 * 8
"""Bytes of a row of the index: float32, 8-bit code, four columns of 64 bits."""
PERSON = 100 + 4 * DIM + 8
"""Bytes of a patient in the index, about: key, five hashes, disorders and genes both ways; the mean
of the descriptors with its key."""
SEGMENT = 65_536
CANDIDATES, MANY_CANDIDATES = 800, 220
"""Photos that are looked at first for ten lines: of one probe, and of each of many."""
PIECE = 8 * 2**20
FILE = 2**31
RUNS = 7


@dataclass(frozen=True)
class Measured:
    """Constants of a machine. Sizes in bytes, rates in bytes or operations a second, times in
    seconds."""

    row_in_database: float
    crop: float
    crop_in_database: float
    product: float
    codes: float
    matrix: float
    disk: float
    candidates_cold: float
    candidates_warm: float
    hashing: float
    adding: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        found = _measure(Path(place), given.shared)
    command = f"python -m benchmarks.scale SHARED  # seed {SEED}, medians of {RUNS}"
    keep("scale-constants", command, ("what", "measured"), _constants(found))
    header = ("", *(f"10^{power}" for power in range(5, 10)))
    keep("scale", f"{command}; computed of scale-constants", header, _computed(found))


def _constants(found: Measured) -> list[tuple[str, str]]:
    return [
        ("database, bytes a photo, without the crop", f"{found.row_in_database:,.0f}"),
        ("a crop of `data/wild` as PNG, bytes", f"{found.crop:,.0f}"),
        ("the same in the database, bytes", f"{found.crop_in_database:,.0f}"),
        ("matrix-vector product of float32 rows (NumPy), GB/s", _giga(found.product)),
        ("search of 8-bit codes, one probe, GB/s", _giga(found.codes)),
        ("the same, 1,000 probes at once, GOP/s", _giga(found.matrix)),
        ("disk, reading from start to end, GB/s", _giga(found.disk)),
        (f"{CANDIDATES} rows of 2 kB from the disk, ms", f"{found.candidates_cold * 1e3:.1f}"),
        (f"{CANDIDATES} rows of 2 kB from memory, ms", f"{found.candidates_warm * 1e3:.1f}"),
        ("sha256 on one core, GB/s", _giga(found.hashing)),
        ("`index add` of UTKFace with the built-in models, photos/s", f"{found.adding:.0f}"),
    ]


def _computed(found: Measured) -> list[tuple[str, ...]]:
    people = PATIENTS / PHOTOS

    def row(what: str, value: Callable[[float], str]) -> tuple[str, ...]:
        return (what, *(value(10.0**power) for power in range(5, 10)))

    return [
        row("index on the disk", lambda n: _size(n * (ROW + people * PERSON))),
        row("database without crops", lambda n: _size(n * found.row_in_database)),
        row("crops in the database", lambda n: _size(n * found.crop_in_database)),
        row("memory for a warm search: codes", lambda n: _size(n * DIM)),
        row("memory with filters: codes and columns", lambda n: _size(n * (DIM + 32))),
        row(
            "warm probe, codes in memory",
            lambda n: _time(n * DIM / found.codes + found.candidates_warm),
        ),
        row("for comparison: float32 rows in memory", lambda n: _time(n * 4 * DIM / found.product)),
        row(
            "first probe, codes on the disk",
            lambda n: _time(n * DIM / found.disk + found.candidates_cold),
        ),
        row("1,000 probes, matrix products alone", lambda n: _time(2e3 * DIM * n / found.matrix)),
        row("build the index from the database", lambda n: _time(_rebuild(n, found))),
        row("`verify`: hash the index, one core", lambda n: _time(n * ROW / found.hashing)),
        row("add all photos, this machine", lambda n: _time(n / found.adding)),
    ]


def _rebuild(photos: float, found: Measured) -> float:
    """Read the database without its crops, write the index at the speed of reading, hash it."""
    on_disk = photos * (found.row_in_database + ROW)
    return on_disk / found.disk + photos * ROW / found.hashing


def _measure(folder: Path, shared: Path) -> Measured:
    fill_gallery(folder / "made", MADE)
    made = (folder / "made" / "gallery.sqlite3").stat().st_size / MADE
    archive = shared / "data" / "utkface.zip"
    adding, _, _ = _add(folder / "small", _utkface(archive, folder / "photos"))
    _, crop, crop_in_database = _add(folder / "large", sorted((shared / "data/wild").iterdir()))
    rng = np.random.default_rng(SEED)
    file = folder / "rows"
    product, hashing = _products(rng, file)
    codes, matrix = _codes(_segments(rng, folder / "segments"))
    return Measured(
        row_in_database=made,
        crop=crop,
        crop_in_database=crop_in_database,
        product=product,
        codes=codes,
        matrix=matrix,
        disk=FILE / _median(lambda: _read_all(file), before=lambda: _forget(file)),
        candidates_cold=_median(lambda: _read_some(file), before=lambda: _forget(file)),
        candidates_warm=_median(lambda: _read_some(file)),
        hashing=hashing,
        adding=adding,
    )


def _products(rng: np.random.Generator, file: Path) -> tuple[float, float]:
    """Bytes of float32 rows that NumPy compares with one probe a second, bytes hashed a second. The
    rows go into a file."""
    rows = rng.random((FILE // (4 * DIM), DIM), np.float32)
    rows.tofile(file)
    probe = rows[-1]
    product = rows.nbytes / _median(lambda: rows @ probe)
    piece = rows[:8192].tobytes()
    return product, len(piece) / _median(lambda: hashlib.sha256(piece).digest())


def _utkface(archive: Path, folder: Path) -> list[Path]:
    with zipfile.ZipFile(archive) as opened:
        names = sorted(name for name in opened.namelist() if name.endswith(".jpg"))
        return [
            Path(opened.extract(name, folder)) for name in random.Random(SEED).sample(names, ADDED)
        ]


def _add(home: Path, photos: Sequence[Path]) -> tuple[float, float, float]:
    """Photos a second of `index add` into a new gallery with the built-in models; the mean bytes
    of a crop, and those that it takes in the database."""
    rows = [
        Intake(path.name, path, PhotoRecord(photo=path.name, patient=f"P{number}"))
        for number, path in enumerate(photos)
    ]
    with Gallery.open(home, detector="builtin", space="builtin") as gallery:
        start = time.perf_counter()
        added = sum(one.status == "added" for one in gallery.add(rows, largest=True).photos)
        adding = added / (time.perf_counter() - start)
    with sqlite3.connect(home / "gallery.sqlite3") as database:
        (size,) = database.execute("SELECT sum(length(png)) FROM crop").fetchone()
        pages = "SELECT sum(pgsize) FROM dbstat WHERE name = 'crop'"
        (in_database,) = database.execute(pages).fetchone()
    return adding, size / added, in_database / added


def _segments(rng: np.random.Generator, folder: Path) -> Searcher:
    """Sixteen segments of random rows, searched by their codes."""
    folder.mkdir()
    segments = []
    for number in range(16):
        rows = rng.standard_normal((SEGMENT, DIM), np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        ids = np.arange(number * SEGMENT, (number + 1) * SEGMENT)
        record = write_segment(
            folder, "0" * 64, ids, ids, np.full(SEGMENT, np.nan), np.zeros(SEGMENT, np.int64), rows
        )
        segments.append(open_segment(folder, record))
    return Searcher(DIM, segments)


def _codes(searcher: Searcher) -> tuple[float, float]:
    """Bytes of codes a second that are compared with one probe, and operations a second with 1,000
    probes, the nearest found."""
    probes = searcher.vectors(np.arange(0, len(searcher), len(searcher) // 1000)[:1000])
    one = _median(lambda: searcher.candidates_of(probes[:1], CANDIDATES))
    many = _median(lambda: searcher.candidates_of(probes, MANY_CANDIDATES))
    numbers = len(searcher) * DIM
    return numbers / one, 2 * numbers * len(probes) / many


def _read_all(file: Path) -> None:
    with file.open("rb", buffering=0) as opened:
        while opened.read(PIECE):
            pass


def _read_some(file: Path) -> None:
    """Rows of candidates, all asked for before the first is read."""
    size = 4 * DIM
    places = np.random.default_rng(SEED).integers(0, FILE // size, CANDIDATES) * size
    with file.open("rb") as opened:
        for place in places.tolist():
            os.posix_fadvise(opened.fileno(), place, size, os.POSIX_FADV_WILLNEED)
        for place in places.tolist():
            os.pread(opened.fileno(), size, place)


def _forget(file: Path) -> None:
    """Have the system drop what it keeps of the file in memory."""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _median(work: Callable[[], object], before: Callable[[], object] | None = None) -> float:
    taken = []
    for _ in range(RUNS + 1):
        if before is not None:
            before()
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken[1:])


def _giga(value: float) -> str:
    return f"{value / 1e9:.1f}"


def _size(value: float) -> str:
    for unit, name in ((1e18, "EB"), (1e15, "PB"), (1e12, "TB"), (1e9, "GB")):
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value / 1e6:.0f} MB"


def _time(seconds: float) -> str:
    for unit, name in ((86_400 * 365, "years"), (86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"


if __name__ == "__main__":
    main()
