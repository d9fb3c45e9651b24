"""gestalt-space itself, in the project's own environment."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from benchmarks.rivals.protocol import Ids, Rival, Vectors
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import open_segment
from gestalt_space.index.writing import write_segment

NUMBERS = 2**25
"""Of a segment, as `gallery.sealing` writes them."""
SPACE = "0" * 64


class Ours(Rival):
    """The search of a match over mapped segments: it widens until no other row can be nearer.

    Rows are added with their patients by a gallery, which has a benchmark of its own.
    """

    ways = ("8-bit codes, exact by their bound",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        records = []
        step = NUMBERS // vectors.shape[1]
        for start in range(0, len(vectors), step):
            block = np.asarray(vectors[start : start + step])
            ids = np.arange(start, start + len(block))
            unknown = np.full(len(block), np.nan)
            nowhere = np.zeros(len(block), np.int64)
            records.append(write_segment(folder, SPACE, ids, ids, unknown, nowhere, block))
        (folder / "records").write_bytes(pickle.dumps(records))

    def open(self, folder: Path) -> None:
        records = pickle.loads((folder / "records").read_bytes())
        segments = [open_segment(folder, record) for record in records]
        self.searcher = Searcher(records[0].dim, segments)

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        count = max(250, 2 * k)
        while True:
            found = self.searcher.candidates(probe, count)
            best = np.argsort(-found.similarities)[:k]
            if found.similarities[best[-1]] >= found.bound:
                return found.rows[best]
            count *= 2
