"""LanceDB: a table without an index, every row compared. It does not wait for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa

from benchmarks.rivals.protocol import Ids, Rival, Vectors

BLOCK = 65_536


class LanceDB(Rival):
    """One table."""

    ways = ("flat, dot", "flat, cosine")

    def build(self, vectors: Vectors, folder: Path) -> None:
        def batches() -> Iterator[pa.RecordBatch]:
            for start in range(0, len(vectors), BLOCK):
                yield _batch(start, np.ascontiguousarray(vectors[start : start + BLOCK]))

        schema = _batch(0, np.ascontiguousarray(vectors[:1])).schema
        lancedb.connect(folder).create_table("rows", batches(), schema=schema)

    def open(self, folder: Path) -> None:
        self.table = lancedb.connect(folder).open_table("rows")

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        question = self.table.search(probe).distance_type(way.removeprefix("flat, "))
        found = question.select(["id", "_distance"]).limit(k).to_arrow()
        return np.asarray(found["id"].to_numpy(), np.int64)

    def add(self, first: int, vectors: Vectors) -> bool:
        self.table.add(pa.Table.from_batches([_batch(first, vectors)]))
        return True


def _batch(first: int, vectors: Vectors) -> pa.RecordBatch:
    flat = pa.array(vectors.reshape(-1))
    return pa.record_batch(
        {
            "id": np.arange(first, first + len(vectors)),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )
