"""Approximate search, for who asks for it by name: an index of FAISS that looks at a part of the
rows, and how much of what is nearest it was measured to find.

It numbers its rows by their descriptors' identifiers, so that merging segments leaves it as it is.
How it is built stands in `approximating`. A removal deletes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import ApproximateDamaged, IndexDamaged
from gestalt_space.index.checksums import FileRecord, check_file
from gestalt_space.index.mapped import map_faiss
from gestalt_space.index.search import Candidates, Searcher
from gestalt_space.lazy_value import LazyValue
from gestalt_space.types import Ids

ApproximateKind = Literal["ivf", "hnsw"]
KINDS: tuple[ApproximateKind, ...] = ("ivf", "hnsw")
NEAREST = 10
"""Of so many nearest photos the recall is measured."""
_AGAIN = "Run `gestalt index approximate` to build it again, or leave out --index."


@dataclass(frozen=True, slots=True)
class ApproximateRecord:
    """What a manifest records of an approximate index.

    `rows`: how many it has, those of all descriptors up to the identifier `last`; `ids`: the sha256
    of these identifiers. `options`: what it was built with and looks at. `recall`, 0..1: of the
    `NEAREST` photos nearest to a photo that it did not have, the share that it found, as a mean of
    `measured` photos.
    """

    kind: ApproximateKind
    file: FileRecord
    rows: int
    last: int
    ids: str
    options: dict[str, int]
    recall: float
    measured: int

    @property
    def told(self) -> str:
        """How far it is to be trusted, for whoever sees what it found."""
        photos = "1 photo" if self.measured == 1 else f"{self.measured:,} photos"
        return f"approximate ({self.kind}): recall@{NEAREST} {self.recall:.2f} measured on {photos}"


class Approximate:
    """An approximate index on the disk. FAISS maps it at the first search."""

    def __init__(self, folder: Path, record: ApproximateRecord, dim: int) -> None:
        self.record = record
        self._folder = folder
        self._dim = dim
        self._index = LazyValue(self._open)

    def search(self, probe: NDArray[np.float32], count: int) -> Ids:
        """About the `count` nearest of its rows to a probe `(d,)`, in no order, none twice.

        Raises `ApproximateDamaged`.
        """
        found = search_index(self._index(), self.record.kind, self.record.options, probe, count)
        return found[found < self.record.rows]

    def _open(self) -> Any:
        try:
            # Whole: in a graph that is damaged FAISS ends the process.
            path = check_file(self._folder, self.record.file)
        except IndexDamaged as error:
            raise ApproximateDamaged(error.message, _AGAIN) from error
        try:
            index = map_faiss(path)
        except (RuntimeError, OSError) as error:
            raise ApproximateDamaged(f"{path.name} cannot be read by FAISS.", _AGAIN) from error
        if (index.ntotal, index.d) != (self.record.rows, self._dim):
            raise ApproximateDamaged(f"{path.name} does not have the expected rows.", _AGAIN)
        return index


class ApproximateSearcher:
    """An approximate index over the rows of a searcher. Safe for threads.

    Rows that came later are searched exactly.
    """

    def __init__(self, approximate: Approximate, searcher: Searcher) -> None:
        self.record = approximate.record
        self._approximate = approximate
        self._searcher = searcher
        self._rows = LazyValue(self._find_rows)
        self._later = LazyValue(self._find_later)

    @property
    def later(self) -> int:
        """How many rows came later."""
        return int(np.count_nonzero(self._later()))

    def candidates(self, probe: NDArray[np.float32], count: int) -> Candidates:
        """What is found near to a probe `(d,)`: about `count` rows, and as many that came later.

        Similarities are exact. The bound is -inf, as if all rows had been looked at: nobody knows
        what was missed. Raises `ApproximateDamaged`.
        """
        rows = self._rows()[self._approximate.search(probe, count)]
        similarities = self._searcher.exact(probe, rows)
        if not self.later:
            return Candidates(rows, similarities, -np.inf)
        new = self._searcher.candidates(probe, count, among=self._later())
        return Candidates(
            np.concatenate([rows, new.rows]),
            np.concatenate([similarities, new.similarities]),
            -np.inf,
        )

    def _find_rows(self) -> Ids:
        rows, ids = rows_by_id(self._searcher, self.record.last)
        if (len(rows), sha256_of_ids(ids)) != (self.record.rows, self.record.ids):
            raise ApproximateDamaged(
                f"The {self.record.kind} index was built from other descriptors.", _AGAIN
            )
        return rows

    def _find_later(self) -> NDArray[np.bool_]:
        later = self._searcher.column("ids") >= 0
        later[self._rows()] = False
        return later


def search_index(
    index: Any,
    kind: ApproximateKind,
    options: Mapping[str, int],
    probe: NDArray[np.float32],
    count: int,
) -> Ids:
    """The numbers of rows that an index of FAISS finds near to a probe `(d,)`, ascending."""
    import faiss

    if kind == "ivf":
        parameters = faiss.SearchParametersIVF(nprobe=options["probes"])
    else:
        parameters = faiss.SearchParametersHNSW(efSearch=max(options["breadth"], count))
    _, rows = index.search(probe[None], min(count, index.ntotal), params=parameters)
    return np.unique(rows[rows >= 0])


def rows_by_id(searcher: Searcher, last: int | None = None) -> tuple[Ids, Ids]:
    """The rows of all segments that are not removed, by their descriptors' identifiers, ascending,
    up to the identifier `last`; and these identifiers."""
    ids = searcher.column("ids")[: searcher.offsets[len(searcher.segments)]]
    there = ids >= 0 if last is None else (ids >= 0) & (ids <= last)
    rows = np.flatnonzero(there)
    order = np.argsort(ids[rows], kind="stable")
    return rows[order], ids[rows[order]]


def sha256_of_ids(ids: Ids) -> str:
    """Of identifiers, in hex."""
    return hashlib.sha256(ids.astype("<i8", copy=False).tobytes()).hexdigest()
