"""usearch: its exact search over an array, and its graph (HNSW) of int8 codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from usearch.index import Index, MetricKind, search

from benchmarks.rivals.protocol import Ids, Rival, Vectors, sync

BLOCK = 65_536


class Exact(Rival):
    """`usearch.index.search(…, exact=True)` over float32 rows in memory."""

    ways = ("exact search",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        np.save(folder / "rows.npy", vectors)

    def open(self, folder: Path) -> None:
        self.rows = np.load(folder / "rows.npy")

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        return np.asarray(search(self.rows, probe, k, MetricKind.IP, exact=True).keys, np.int64)


class Graph(Rival):
    """The graph with usearch's own defaults; approximate, and its codes are not re-ranked."""

    ways = ("HNSW, int8, approximate",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        index = Index(ndim=vectors.shape[1], metric="ip", dtype="i8")
        for start in range(0, len(vectors), BLOCK):
            block = vectors[start : start + BLOCK]
            index.add(np.arange(start, start + len(block)), block)
        index.save(str(folder / "rows.usearch"))

    def open(self, folder: Path) -> None:
        self.file = folder / "rows.usearch"
        self.index = Index.restore(str(self.file))

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        return np.asarray(self.index.search(probe, k).keys, np.int64)

    def add(self, first: int, vectors: Vectors) -> bool:
        self.index.add(np.arange(first, first + len(vectors)), vectors)
        self.index.save(str(self.file))
        sync(self.file)
        return True
