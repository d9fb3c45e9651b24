"""scikit-learn's `cosine_similarity`, which makes unit vectors of all rows each time. Of several
slots, the mean of a matrix for each, as the reference scripts do it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from benchmarks.rivals.protocol import Ids, Rival, Vectors, nearest


class ScikitLearn(Rival):
    """An array `(n, d / slots)` in memory for each slot."""

    ways = ("cosine_similarity",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        for number, slot in enumerate(np.split(vectors, self.slots, axis=1)):
            np.save(folder / f"slot-{number}.npy", slot)

    def open(self, folder: Path) -> None:
        self.rows = [np.load(folder / f"slot-{number}.npy") for number in range(self.slots)]

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        probes = np.split(probe[None], self.slots, axis=1)
        matrices = [cosine_similarity(*pair) for pair in zip(probes, self.rows, strict=True)]
        return nearest(np.mean(matrices, axis=0)[0], k)
