"""Building an approximate index, and measuring how much of what is nearest it finds.

Some photos are held out while it is measured: a probe is a photo that it does not have. Neither do
other photos of the same patient count, as in a match of somebody who is new. They are added last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.index.approximate import (
    KINDS,
    NEAREST,
    ApproximateKind,
    ApproximateRecord,
    rows_by_id,
    search_index,
    sha256_of_ids,
)
from gestalt_space.index.checksums import record_file
from gestalt_space.index.durable import new_file, unique_name, writing
from gestalt_space.index.search import Searcher
from gestalt_space.types import Ids

PAYS_FROM = 100_000
"""Rows below which exact search is about as fast."""
CANDIDATES = 370
"""Rows that are looked for when it is measured: as many as a match looks for to list ten lines."""
FEWEST = 2
"""Rows that one is built of at the least: one is held out."""
MEASURED = 300
HELD_OUT = 0.1
"""No greater share of the rows is held out."""
_ROUNDS = 10
_FOR_A_LIST = 40
"""Rows for each list that k-means learns them from."""
_TRAINED_ON = 65_536
_AT_ONCE = 8_192


@dataclass(frozen=True, slots=True)
class ApproximateOptions:
    """What to build. `ivf`: `lists`, of which `probes` are looked at. `hnsw`: `links` of each row,
    `breadth` of a search. None: chosen by the number of rows, or usual."""

    kind: ApproximateKind
    lists: int | None = None
    probes: int | None = None
    links: int | None = None
    breadth: int | None = None

    def chosen(self, rows: int) -> dict[str, int]:
        """The numbers for so many rows."""
        if self.kind == "hnsw":
            return {"links": self.links or 32, "breadth": self.breadth or 128}
        usual = min(round(4 * rows**0.5), rows // _FOR_A_LIST)
        lists = min(self.lists or max(1, usual), rows)
        return {"lists": lists, "probes": min(self.probes or 64, lists)}


def parse_kind(text: str) -> ApproximateKind:
    """A kind of index by its name. Raises `UsageError`."""
    for kind in KINDS:
        if text == kind:
            return kind
    raise UsageError(f"Unknown approximate index {text!r}.", f"Choose one of: {', '.join(KINDS)}.")


@dataclass(frozen=True, slots=True)
class Built:
    """An index of FAISS in memory, and what is to be recorded of it; see `ApproximateRecord`."""

    index: Any
    kind: ApproximateKind
    ids: Ids
    options: dict[str, int]
    recall: float
    measured: int

    def write(self, folder: Path, space: str) -> ApproximateRecord:
        """Write it as a file of a space, synced; no manifest names it yet. Raises `OutputError`."""
        import faiss

        path = folder / f"{unique_name(space)}.{self.kind}.faiss"
        with writing(folder):
            with new_file(path) as stream:
                faiss.write_index(self.index, faiss.PyCallbackIOWriter(stream.write))
            return ApproximateRecord(
                kind=self.kind,
                file=record_file(path),
                rows=len(self.ids),
                last=int(self.ids[-1]),
                ids=sha256_of_ids(self.ids),
                options=self.options,
                recall=self.recall,
                measured=self.measured,
            )


def build(
    searcher: Searcher,
    options: ApproximateOptions,
    *,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
) -> Built:
    """Build an index of all rows of a searcher's segments, `FEWEST` or more, in memory.

    `seed` draws the photos that it is measured with; `progress` is given the share, 0..1, that is
    done.
    """
    rows, ids = rows_by_id(searcher)
    rng = np.random.default_rng(seed)
    count = max(1, min(MEASURED, int(HELD_OUT * len(rows))))
    held = np.sort(rng.choice(len(rows), count, replace=False))
    others = np.setdiff1d(np.arange(len(rows)), held)
    numbers = options.chosen(len(others))
    index = _trained(options.kind, numbers, searcher, rows[others], rng)
    done = 0

    def add(places: Ids) -> None:
        nonlocal done
        for start in range(0, len(places), _AT_ONCE):
            some = places[start : start + _AT_ONCE]
            index.add_with_ids(searcher.vectors(rows[some]), some)
            done += len(some)
            if progress is not None:
                progress(done / len(rows))

    add(others)
    recall = _recall(index, options.kind, numbers, searcher, rows, held)
    add(held)
    return Built(index, options.kind, ids, numbers, recall, len(held))


def _trained(
    kind: ApproximateKind,
    numbers: dict[str, int],
    searcher: Searcher,
    rows: Ids,
    rng: np.random.Generator,
) -> Any:
    import faiss

    eight_bits, inner = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    wanted = max(_TRAINED_ON, _FOR_A_LIST * numbers.get("lists", 0))
    sample = np.sort(rng.choice(rows, min(wanted, len(rows)), replace=False))
    if kind == "ivf":
        index = faiss.index_factory(searcher.dim, f"IVF{numbers['lists']},SQ8", inner)
        index.cp.niter, index.cp.seed, index.cp.spherical = _ROUNDS, 1, True
        index.cp.min_points_per_centroid = 1
    else:
        graph = faiss.IndexHNSWSQ(searcher.dim, eight_bits, numbers["links"], inner)
        index = faiss.IndexIDMap(graph)
    index.train(searcher.vectors(sample))
    return index


def _recall(
    index: Any,
    kind: ApproximateKind,
    numbers: dict[str, int],
    searcher: Searcher,
    rows: Ids,
    held: Ids,
) -> float:
    """Of the photos nearest to those held out, the share that is found."""
    patients = searcher.column("patients")
    among = np.zeros(len(searcher), dtype=bool)
    among[rows] = True
    among[rows[held]] = False
    shares = []
    for row in rows[held]:
        probe = searcher.vectors(np.array([row]))[0]
        eligible = among & (patients != patients[row])
        least = _least(searcher, probe, eligible)
        if least is None:
            continue
        found = rows[search_index(index, kind, numbers, probe, CANDIDATES)]
        similarities = searcher.exact(probe, found[eligible[found]])
        true = min(NEAREST, int(np.count_nonzero(eligible)))
        # By similarity, since of photos as near as each other any may be among the nearest.
        shares.append(min(true, int((similarities >= least).sum())) / true)
    return float(np.mean(shares)) if shares else 0.0


def _least(
    searcher: Searcher, probe: NDArray[np.float32], eligible: NDArray[np.bool_]
) -> float | None:
    """The similarity of the last of the `NEAREST` eligible rows; None where none is."""
    count = 4 * NEAREST
    while True:
        found = searcher.candidates(probe, count, among=eligible)
        best = np.sort(found.similarities)[::-1][:NEAREST]
        if not len(best):
            return None
        if best[-1] > found.bound or np.isneginf(found.bound):
            return float(best[-1])
        count *= 4
