"""Plain FAISS: `IndexFlatIP`, in memory, its file written whole."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np

from benchmarks.rivals.protocol import Ids, Rival, Vectors, sync

BLOCK = 65_536


class FaissFlat(Rival):
    """`IndexFlatIP`."""

    ways = ("IndexFlatIP",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        index = faiss.IndexFlatIP(vectors.shape[1])
        for start in range(0, len(vectors), BLOCK):
            index.add(np.ascontiguousarray(vectors[start : start + BLOCK]))
        faiss.write_index(index, str(folder / "rows.faiss"))

    def open(self, folder: Path) -> None:
        self.file = folder / "rows.faiss"
        self.index = faiss.read_index(str(self.file))

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        return np.asarray(self.index.search(probe[None], k)[1][0], np.int64)

    def add(self, first: int, vectors: Vectors) -> bool:
        self.index.add(vectors)
        faiss.write_index(self.index, str(self.file))
        sync(self.file)
        return True
