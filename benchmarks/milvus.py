"""Milvus Lite beside the exact search: what it finds for a probe, in which time, and what adding
photos to a large collection costs.

python -m benchmarks.milvus [--photos 1000000] [--probes 50]

Rows are those of `benchmarks.million`. The probes are held-out photos of patients whose other
photos are left out by the filter: the recall is that for somebody who is new. Each search asks for
as many rows as a match does to list ten lines, and computes their exact similarities. Times are
those of the processor, medians of alternating rounds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.approximate import SPACE, written_segments
from benchmarks.million import DIM, PHOTOS, SEED, Population, make_population
from benchmarks.table import keep
from gestalt_space.index.approximate import NEAREST
from gestalt_space.index.approximating import CANDIDATES
from gestalt_space.index.engines.contract import CollectionPlace, EngineFilter, EngineRows
from gestalt_space.index.engines.milvus import MilvusEngine, open_milvus
from gestalt_space.index.search import Searcher
from gestalt_space.types import Descriptors, Ids

ADDED, ROUNDS = 1000, 7
Row = tuple[str, str]
T = TypeVar("T")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=PHOTOS)
    arguments.add_argument("--probes", type=int, default=50)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_measure(Path(folder), options.photos, options.probes))
    keep(
        f"milvus-lite-{options.photos}",
        f"python -m benchmarks.milvus --photos {options.photos} --probes {options.probes}"
        f"  # seed {SEED}",
        ("measure", "value"),
        rows,
    )


def _measure(folder: Path, photos: int, probes: int) -> Iterator[Row]:
    people = make_population(photos)
    lite = folder / "lite"
    begun = time.process_time()
    engine = _filled(lite, people)
    yield f"filling it with {photos:,} photos, s", f"{time.process_time() - begun:.0f}"
    on_disk = sum(path.stat().st_size for path in lite.rglob("*") if path.is_file())
    yield "on the disk, MB", f"{on_disk / 1e6:,.0f}"
    before = _memory()
    engine.close()
    engine, taken = _timed(lambda: _opened(lite))
    yield "opening it, s", f"{taken:.1f}"
    yield "memory of the process, MB", f"{_memory():,.0f} ({before:,.0f} after filling)"
    searcher = written_segments(folder, people)
    searcher.prefetch()
    yield from _searching(engine, searcher, people, *people.held_out(probes))
    yield from _adding(engine, folder, people)
    engine.close()


def _searching(
    engine: MilvusEngine, searcher: Searcher, people: Population, probes: Descriptors, own: Ids
) -> Iterator[Row]:
    owners = people.patient_of_row
    of_photos, of_disorders, of_engine, of_exact = [], [], [], []
    for probe, patient in zip(probes, own, strict=True):
        without = EngineFilter(without=np.array([patient]))
        hits, taken = _timed(lambda p=probe, w=without: engine.nearest(p, CANDIDATES, w))
        of_engine.append(taken)
        of_exact.append(_timed(lambda p=probe: searcher.candidates(p, CANDIDATES))[1])
        values = searcher.similarities(probe[None])[0]
        values[owners == patient] = -2
        found = hits.ids[np.argsort(-searcher.exact(probe, hits.ids), kind="stable")]
        true = np.argsort(-values, kind="stable")[: 4 * CANDIDATES]
        true = true[np.argsort(-searcher.exact(probe, true), kind="stable")]
        of_photos.append(_share(found, true))
        of_disorders.append(_share(_disorders(people, found), _disorders(people, true)))
    yield f"recall@{NEAREST} of photos", f"{np.mean(of_photos):.4f}"
    yield f"recall@{NEAREST} of disorders", f"{np.mean(of_disorders):.4f}"
    yield "a probe, ms", f"{1000 * np.median(of_engine):.0f}"
    yield "the same by the exact index, ms", f"{1000 * np.median(of_exact):.0f}"


def _adding(engine: MilvusEngine, folder: Path, people: Population) -> Iterator[Row]:
    rng = np.random.default_rng([SEED, 7])
    to_all, to_none = [], []
    for number in range(ROUNDS):
        patients = rng.integers(0, len(people.disorder_of_patient), ADDED)
        first = len(people.patient_of_row) + number * ADDED
        rows = _rows(first, patients, people.photos(patients, rng))
        empty = _opened(folder / f"empty {number}")
        for one, seconds in ((engine, to_all), (empty, to_none))[:: 1 if number % 2 else -1]:
            seconds.append(_timed(lambda e=one, r=rows: _added(e, r))[1])
        empty.close()
    all_of_it, none = float(np.median(to_all)), float(np.median(to_none))
    yield f"adding {ADDED:,}, s", f"{all_of_it:.2f}"
    yield f"adding {ADDED:,} to an empty one, s", f"{none:.2f}"
    yield "ratio", f"{all_of_it / none:.2f} ×"


def _filled(folder: Path, people: Population) -> MilvusEngine:
    engine = _opened(folder)
    for start, vectors in people.blocks():
        owners = people.patient_of_row[start : start + len(vectors)]
        engine.add(_rows(start, owners, vectors))
    engine.settle(1, 0)
    return engine


def _opened(folder: Path) -> MilvusEngine:
    engine = open_milvus(CollectionPlace(str(folder), SPACE, DIM, "benchmark"))
    engine.create()
    engine.position()
    return engine


def _added(engine: MilvusEngine, rows: EngineRows) -> None:
    engine.add(rows)
    engine.settle(1, 0)


def _rows(first: int, patients: Ids, vectors: Descriptors) -> EngineRows:
    ids = np.arange(first, first + len(vectors))
    ages, sites = np.full(len(ids), np.nan), np.zeros(len(ids), dtype=np.int64)
    return EngineRows(ids, patients, ages, sites, vectors)


def _disorders(people: Population, rows: Ids) -> Ids:
    """Of rows, nearest first: the disorders, each once."""
    disorders = people.disorder_of_patient[people.patient_of_row[rows]]
    return np.array(list(dict.fromkeys(disorders[disorders >= 0].tolist())))


def _share(found: Ids, true: Ids) -> float:
    return len(np.intersect1d(found[:NEAREST], true[:NEAREST])) / NEAREST


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    begun = time.process_time()
    result = work()
    return result, time.process_time() - begun


def _memory() -> float:
    """Of this process, in MB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


if __name__ == "__main__":
    main()
