"""sqlite-vec: a virtual table `vec0`, compared row by row.

Through apsw, which brings its own SQLite: many builds of Python take no extensions.
"""

from __future__ import annotations

from pathlib import Path

import apsw
import numpy as np
import sqlite_vec

from benchmarks.rivals.protocol import Ids, Rival, Vectors


class SqliteVec(Rival):
    """One table of cosine distances, in SQLite's own default: a rollback journal, synced."""

    ways = ("vec0, cosine",)

    def build(self, vectors: Vectors, folder: Path) -> None:
        self.open(folder)
        self.connection.execute(
            "CREATE VIRTUAL TABLE rows USING "
            f"vec0(v float[{vectors.shape[1]}] distance_metric=cosine)"
        )
        self.add(0, vectors)
        self.connection.close()

    def open(self, folder: Path) -> None:
        self.connection = apsw.Connection(str(folder / "rows.sqlite3"))
        self.connection.enable_load_extension(True)
        self.connection.load_extension(sqlite_vec.loadable_path())

    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        question = "SELECT rowid FROM rows WHERE v MATCH ? AND k = ?"
        found = self.connection.execute(question, (probe.tobytes(), k))
        return np.array([row for (row,) in found], np.int64)

    def add(self, first: int, vectors: Vectors) -> bool:
        rows = ((first + number, vector.tobytes()) for number, vector in enumerate(vectors))
        with self.connection:
            self.connection.executemany("INSERT INTO rows (rowid, v) VALUES (?, ?)", rows)
        return True
