"""DuckDB: a column of the type FLOAT[d], ordered by its own functions."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.rivals.protocol import Ids, Rival, Vectors

BLOCK = 65_536


class DuckDB(Rival):
    """One table; a row is committed when `add` returns."""

    ways = ("array_inner_product", "array_cosine_similarity")

    def build(self, vectors: Vectors, folder: Path) -> None:
        self.connection = duckdb.connect(str(folder / "rows.duckdb"))
        self.connection.execute(f"CREATE TABLE rows (id BIGINT, v FLOAT[{vectors.shape[1]}])")
        for start in range(0, len(vectors), BLOCK):
            self.add(start, np.ascontiguousarray(vectors[start : start + BLOCK]))
        self.connection.close()

    def open(self, folder: Path) -> None:
        self.connection = duckdb.connect(str(folder / "rows.duckdb"))

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        question = f"SELECT id FROM rows ORDER BY {way}(v, ?::FLOAT[{len(probe)}]) DESC LIMIT {k}"
        return np.asarray(self.connection.execute(question, [probe]).fetchnumpy()["id"], np.int64)

    def add(self, first: int, vectors: Vectors) -> bool:
        flat = pa.array(vectors.reshape(-1))
        new = pa.table(
            {
                "id": np.arange(first, first + len(vectors)),
                "v": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            }
        )
        self.connection.register("new", new)
        self.connection.execute("INSERT INTO rows SELECT * FROM new")
        return True
