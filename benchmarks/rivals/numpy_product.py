"""NumPy: rows in memory, from an .npy file, to which it offers no way to add."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.rivals.protocol import Ids, Rival, Vectors, nearest


class NumPy(Rival):
    """One matrix-vector product, and the greatest of it."""

    ways = ("matrix-vector product",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        np.save(folder / "rows.npy", vectors)

    def open(self, folder: Path) -> None:
        self.rows = np.load(folder / "rows.npy")

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        return nearest(self.rows @ probe, k)
