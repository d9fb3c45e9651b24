"""Rows of a collection in Milvus Lite: in blocks by their identifiers, each a partition that can be
written anew without what was removed. There is no other way to take that out of its files.

There is no index: a search goes through all rows in a loop of Python, beside which an index saves
little. Of a row that is in several partitions the newest counts, so that a block may be written
anew beside itself, and again where that was stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.engines.lite_server import LiteServer
from gestalt_space.index.engines.milvus_rows import FIELDS, MOST_ROWS, POSITIONS, Entity, at_once
from gestalt_space.types import Ids

BLOCK_NUMBERS = 2**21
"""Rows × dimension of a block, 4,096 rows of 512: about a second to write it anew."""
FEWEST_ROWS = 64
MOST_UNWRITTEN = 500
"""Rows that may be in the log alone. Fewer in a file would make many small files."""
_NAME = re.compile(r"block_(\d+)_(\d+)")


class LiteRows:
    """`server`: where its counts are kept, since nobody else changes the collection."""

    def __init__(self, collection: str, dim: int, server: LiteServer) -> None:
        self._collection, self._at_once = collection, at_once(dim)
        self._block_rows = max(FEWEST_ROWS, min(MOST_ROWS, BLOCK_NUMBERS // max(dim, 1)))
        self._server = server

    def create(self, client: Any, collection: str, schema: Any) -> None:
        """Without an index."""
        client.create_collection(collection, schema=schema)

    def load(self, client: Any, collection: str) -> None:
        """Nothing is done: without an index it is loaded."""

    def drop(self, client: Any) -> None:
        """Delete the collection, also one that is damaged."""
        from pymilvus import MilvusException

        self._forget()
        for name in (self._collection, POSITIONS):
            try:
                client.has_collection(name)
            except MilvusException:
                self._server.delete(name)
                client = self._server.client()
        client.drop_collection(self._collection)

    def put(self, client: Any, rows: Sequence[Entity]) -> None:
        """Keep rows, in the place of those with the same identifiers."""
        ids = np.array([row["id"] for row in rows], dtype=np.int64)
        self._changing(len(rows))
        partitions = self._partitions(client)
        for block, places in self._by_block(ids):
            names = partitions.get(block, [])
            name = names[-1] if names else self._make(client, block, 0)
            self._insert(client, [rows[place] for place in places], name)

    def get(self, client: Any, ids: Ids) -> Iterator[list[Entity]]:
        """Whole rows, a block at a time."""
        partitions = self._partitions(client)
        for block, places in self._by_block(ids):
            if names := partitions.get(block):
                wanted = ids[places].tolist()
                yield self._query(client, names, f"id in {wanted}", FIELDS)

    def remove(self, client: Any, ids: Ids) -> None:
        """Take rows out."""
        self._changing(len(ids))
        partitions = self._partitions(client)
        for block, places in self._by_block(ids):
            for name in partitions.get(block, []):
                client.delete(self._collection, ids=ids[places].tolist(), partition_name=name)

    def blocks(self, client: Any, ids: Ids) -> tuple[int, ...]:
        """The blocks of these identifiers that are there."""
        partitions = self._partitions(client)
        return tuple(block for block, _ in self._by_block(ids) if block in partitions)

    def wipe(self, client: Any, blocks: Sequence[int]) -> None:
        """Write blocks anew."""
        partitions = self._partitions(client)
        for block in blocks:
            old = partitions.get(block, [])
            kept = self._query(client, old, "id >= 0", FIELDS) if old else []
            if kept:
                self._insert(client, kept, self._make(client, block, _number(old[-1]) + 1))
            client.flush(self._collection)
            # What is kept is on the disk before the files that had it are deleted.
            self._server.make_durable()
            for name in old:
                client.drop_partition(self._collection, name)

    def settle(self, client: Any) -> None:
        """Write rows into files: it looks through those that are not slowly, 0.04 ms each."""
        if self._server.unwritten.get(self._collection, MOST_UNWRITTEN) >= MOST_UNWRITTEN:
            client.flush(self._collection)
            self._server.unwritten[self._collection] = 0

    def ids(self, client: Any) -> Ids:
        """All, ascending."""
        found: list[int] = []
        for names in self._partitions(client).values():
            found += [row["id"] for row in self._query(client, names, "id >= 0", ["id"])]
        return np.unique(np.array(found, dtype=np.int64))

    def count(self, client: Any) -> int:
        """How many there are, as it was counted after the last change."""
        counts = self._server.rows
        if self._collection not in counts:
            stats = client.get_collection_stats(self._collection)
            counts[self._collection] = int(stats["row_count"])
        return counts[self._collection]

    def asked(self, count: int) -> tuple[int, dict[str, Any]]:
        """Any number."""
        return count, {"metric_type": "IP"}

    def _forget(self) -> None:
        self._server.rows.pop(self._collection, None)
        self._server.unwritten.pop(self._collection, None)

    def _changing(self, rows: int) -> None:
        self._server.rows.pop(self._collection, None)
        if self._collection in self._server.unwritten:
            self._server.unwritten[self._collection] += rows

    def _by_block(self, ids: Ids) -> Iterator[tuple[int, NDArray[np.intp]]]:
        blocks = ids // self._block_rows
        for block in np.unique(blocks).tolist():
            yield block, np.flatnonzero(blocks == block)

    def _partitions(self, client: Any) -> dict[int, list[str]]:
        """The names of those of each block, oldest first."""
        named = filter(None, map(_NAME.fullmatch, client.list_partitions(self._collection)))
        found: dict[int, list[str]] = {}
        for match in sorted(named, key=lambda one: (int(one[1]), int(one[2]))):
            found.setdefault(int(match[1]), []).append(match[0])
        return found

    def _make(self, client: Any, block: int, number: int) -> str:
        name = f"block_{block}_{number}"
        client.create_partition(self._collection, name)
        return name

    def _insert(self, client: Any, rows: Sequence[Entity], partition: str) -> None:
        # By `insert`, which replaces here, too: `upsert` looks for each row in all partitions.
        for start in range(0, len(rows), self._at_once):
            some = list(rows[start : start + self._at_once])
            client.insert(self._collection, some, partition_name=partition)

    def _query(
        self, client: Any, partitions: list[str], wanted: str, fields: list[str]
    ) -> list[Entity]:
        return list(
            client.query(
                self._collection, filter=wanted, partition_names=partitions, output_fields=fields
            )
        )


def _number(partition: str) -> int:
    return int(partition.rpartition("_")[2])
