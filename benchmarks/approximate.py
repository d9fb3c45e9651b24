"""Approximate indexes beside the exact search: what they find of the nearest photos, in which time,
and what they cost to build.

python -m benchmarks.approximate [--photos 1000000]

Rows are those of `benchmarks.million`. The probes are held-out photos of patients whose other
photos are left out of the answer: the recall is that for somebody who is new. Each search looks
for as many rows as a match does to list ten lines, and computes their exact similarities.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.million import DIM, PHOTOS, SEED, Population, make_population
from benchmarks.table import keep, seconds
from gestalt_space.index.approximate import NEAREST, Approximate, ApproximateSearcher
from gestalt_space.index.approximating import CANDIDATES, ApproximateOptions, build
from gestalt_space.index.search import Candidates, Searcher
from gestalt_space.index.segment import open_segment
from gestalt_space.index.writing import write_segment
from gestalt_space.types import Descriptors, Ids

SPACE = "15" * 32
SEGMENT_ROWS = 65_536
PROBES = 200
KINDS = (ApproximateOptions("ivf"), ApproximateOptions("hnsw"))
LOOKED_AT = {"ivf": ("probes", (16, 64)), "hnsw": ("breadth", (128, 512))}
Row = tuple[str, ...]
Search = Callable[[NDArray[np.float32]], Candidates]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--photos", type=int, default=PHOTOS)
    photos = arguments.parse_args().photos
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_measure(Path(folder), photos))
    keep(
        "approximate",
        f"python -m benchmarks.approximate --photos {photos}  # seed {SEED}",
        ("search", "recall@10", "as it says itself", "median ms", "exact is", "build s", "MB"),
        rows,
    )


def _measure(folder: Path, photos: int) -> Iterator[Row]:
    people = make_population(photos)
    searcher = written_segments(folder, people)
    probes, patients = people.held_out(PROBES)
    searcher.prefetch()

    def exact(probe: NDArray[np.float32]) -> Candidates:
        return searcher.candidates(probe, CANDIDATES)

    true = [_nearest(searcher, probe, own) for probe, own in zip(probes, patients, strict=True)]
    exact_ms = _median_ms(exact, probes)
    found = _recall(exact, probes, patients, searcher, true)
    yield "exact", f"{found:.3f}", "1", f"{exact_ms:.2f}", "1.0 ×", "", ""
    for options in KINDS:
        start = time.perf_counter()
        built = build(searcher, options)
        taken = time.perf_counter() - start
        record = built.write(folder, SPACE)
        option, values = LOOKED_AT[options.kind]
        usual = record.options[option]
        for value in values:
            # Only what a search looks at differs; what the index says of itself is for the usual.
            itself = f"{record.recall:.3f}" if value == usual else ""
            record.options[option] = value
            opened = ApproximateSearcher(Approximate(folder, record, DIM), searcher)

            def nearly(
                probe: NDArray[np.float32], opened: ApproximateSearcher = opened
            ) -> Candidates:
                return opened.candidates(probe, CANDIDATES)

            ms = _median_ms(nearly, probes)
            recall = _recall(nearly, probes, patients, searcher, true)
            yield (
                ", ".join([options.kind, *(f"{k} {v}" for k, v in record.options.items())]),
                f"{recall:.3f}",
                itself,
                f"{ms:.2f}",
                f"{exact_ms / ms:.1f} ×",
                f"{taken:.0f}",
                f"{record.file.bytes / 1e6:,.0f}",
            )


def written_segments(folder: Path, people: Population) -> Searcher:
    """The population as segments on the disk."""
    blocks = people.blocks()
    segments, first = [], 0
    owners = people.patient_of_row
    waiting: list[Descriptors] = []
    for _, vectors in blocks:
        waiting.append(vectors.copy())
        count = sum(map(len, waiting))
        if count >= SEGMENT_ROWS or first + count == len(owners):
            ids = np.arange(first, first + count)
            segments.append(
                write_segment(
                    folder,
                    SPACE,
                    ids,
                    owners[ids],
                    np.full(count, np.nan),
                    np.zeros(count, np.int64),
                    np.concatenate(waiting),
                )
            )
            first, waiting = first + count, []
    return Searcher(DIM, [open_segment(folder, record) for record in segments])


def _nearest(searcher: Searcher, probe: NDArray[np.float32], own: int) -> float:
    """The similarity of the last of the nearest rows of others, by a product over all rows."""
    values = searcher.similarities(probe[None])[0]
    values[searcher.column("patients") == own] = -2
    first = np.argpartition(-values, 4 * NEAREST)[: 4 * NEAREST]
    return float(np.sort(searcher.exact(probe, first))[-NEAREST])


def _recall(
    search: Search, probes: Descriptors, patients: Ids, searcher: Searcher, true: list[float]
) -> float:
    shares = []
    for probe, own, least in zip(probes, patients, true, strict=True):
        found = search(probe)
        others = searcher.of_rows("patients", found.rows) != own
        shares.append(min(NEAREST, int((found.similarities[others] >= least).sum())) / NEAREST)
    return float(np.mean(shares))


def _median_ms(search: Search, probes: Descriptors) -> float:
    for probe in probes[:20]:
        search(probe)
    taken = [seconds(lambda probe=probe: search(probe))[0] for probe in probes]
    return float(np.median(taken)) * 1000


if __name__ == "__main__":
    main()
