"""Milvus Lite: a collection with the index FLAT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pymilvus import DataType, MilvusClient

from benchmarks.rivals.protocol import Ids, Rival, Vectors

BLOCK = 5_000


class MilvusLite(Rival):
    """One collection of inner products; `flush` after each write."""

    ways = ("FLAT, inner product",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        self.client = MilvusClient(str(folder / "rows.db"))
        schema = self.client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        index = self.client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        self.client.create_collection("rows", schema=schema, index_params=index)
        for start in range(0, len(vectors), BLOCK):
            self._insert(start, vectors[start : start + BLOCK])
        self.client.flush("rows")
        self.client.close()

    def open(self, folder: Path) -> None:
        self.client = MilvusClient(str(folder / "rows.db"))
        self.client.load_collection("rows")

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        return np.array([hit["id"] for hit in self.client.search("rows", [probe], limit=k)[0]])

    def add(self, first: int, vectors: Vectors) -> bool:
        self._insert(first, vectors)
        self.client.flush("rows")
        return True

    def _insert(self, first: int, vectors: Vectors) -> None:
        rows = [{"id": first + number, "vector": row} for number, row in enumerate(vectors)]
        self.client.insert("rows", rows)
