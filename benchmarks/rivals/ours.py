"""gestalt-space itself, in the project's own environment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.rivals.protocol import Ids, Rival, Vectors
from gestalt_space.index.exact import ExactIndex


class Ours(Rival):
    """The vector index that a match searches. Rows are added with their patients by a gallery,
    which has a benchmark of its own."""

    ways = ("ExactIndex",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        np.save(folder / "rows.npy", vectors)

    def open(self, folder: Path) -> None:
        rows = np.load(folder / "rows.npy", mmap_mode="r")
        self.index = ExactIndex(rows.shape[1])
        self.index.add(np.arange(len(rows)), rows)

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        return self.index.search(probe[None], k)[0][0]
