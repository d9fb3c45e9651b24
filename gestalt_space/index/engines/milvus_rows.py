"""Rows of a collection on a Milvus server or cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from gestalt_space.errors import EngineAway
from gestalt_space.types import Ids

POSITIONS = "gestalt_positions"
"""The collection that says what each of the others follows."""
FIELDS = ["id", "patient", "age", "site", "vector"]
MOST_ROWS = 4096
"""Rows that are sent or asked for at a time."""
_NUMBERS = 2**22
"""Rows × dimension likewise: 16 MB, of 64 that a server takes."""
MOST_FOUND = 16_384
"""Rows that a server finds for a probe, at the most."""
_DEGREE, _BUILDING, _BREADTH = 16, 200, 256
"""Of HNSW: edges of a node, and how many nodes are looked at in building and in searching."""
_COMPACTING, _LOOK_AGAIN = 3600.0, 1.0

Entity = dict[str, Any]


class MilvusRows(Protocol):
    """How the rows of a collection lie in it."""

    def create(self, client: Any, collection: str, schema: Any) -> None:
        """Make a collection, this one or another, ready to be searched."""

    def load(self, client: Any, collection: str) -> None:
        """Make a collection ready after the server was started again."""

    def drop(self, client: Any) -> None:
        """Delete the collection, where there is one."""

    def put(self, client: Any, rows: Sequence[Entity]) -> None:
        """Keep rows; those that are there are replaced."""

    def get(self, client: Any, ids: Ids) -> Iterator[list[Entity]]:
        """Whole rows, some at a time; ids that are not there are passed over."""

    def remove(self, client: Any, ids: Ids) -> None:
        """Take rows out, for every later search."""

    def blocks(self, client: Any, ids: Ids) -> tuple[int, ...]:
        """What is to be wiped after these are removed."""

    def wipe(self, client: Any, blocks: Sequence[int]) -> None:
        """Take removed rows out of the files."""

    def settle(self, client: Any) -> None:
        """Do what makes searches fast."""

    def ids(self, client: Any) -> Ids:
        """All, ascending."""

    def count(self, client: Any) -> int:
        """How many there are."""

    def asked(self, count: int) -> tuple[int, dict[str, Any]]:
        """For how many rows a search may ask, and its options."""


def at_once(dim: int) -> int:
    """How many rows are sent at a time."""
    return max(1, min(MOST_ROWS, _NUMBERS // max(dim, 1)))


class ServerRows:
    """Of a server. `seconds`: to wait for an answer."""

    def __init__(self, collection: str, dim: int, seconds: float) -> None:
        self._collection, self._at_once, self._seconds = collection, at_once(dim), seconds
        # Every read sees all that was written before.
        self._strong = {"consistency_level": "Strong", "timeout": seconds}

    def create(self, client: Any, collection: str, schema: Any) -> None:
        """With an index, so that it is loaded, too."""
        index = client.prepare_index_params()
        options = {"M": _DEGREE, "efConstruction": _BUILDING}
        index.add_index("vector", index_type="HNSW", metric_type="IP", params=options)
        client.create_collection(
            collection,
            schema=schema,
            index_params=index,
            consistency_level="Strong",
            timeout=self._seconds,
        )

    def load(self, client: Any, collection: str) -> None:
        """A server that keeps it loaded does nothing."""
        client.load_collection(collection, timeout=self._seconds)

    def drop(self, client: Any) -> None:
        """Delete the collection."""
        if client.has_collection(self._collection, timeout=self._seconds):
            client.drop_collection(self._collection, timeout=self._seconds)

    def put(self, client: Any, rows: Sequence[Entity]) -> None:
        """Keep rows, in the place of those with the same identifiers."""
        for start in range(0, len(rows), self._at_once):
            some = list(rows[start : start + self._at_once])
            client.upsert(self._collection, some, timeout=self._seconds)

    def get(self, client: Any, ids: Ids) -> Iterator[list[Entity]]:
        """Whole rows."""
        for start in range(0, len(ids), self._at_once):
            some = ids[start : start + self._at_once].tolist()
            yield client.query(self._collection, ids=some, output_fields=FIELDS, **self._strong)

    def remove(self, client: Any, ids: Ids) -> None:
        """Take rows out."""
        for start in range(0, len(ids), MOST_ROWS):
            some = ids[start : start + MOST_ROWS].tolist()
            client.delete(self._collection, ids=some, timeout=self._seconds)

    def blocks(self, client: Any, ids: Ids) -> tuple[int, ...]:  # noqa: ARG002
        """The whole collection, as one."""
        return (0,) if len(ids) else ()

    def wipe(self, client: Any, blocks: Sequence[int]) -> None:  # noqa: ARG002
        """The server writes its files anew; it deletes the old ones later, by itself."""
        client.flush(self._collection, timeout=self._seconds)
        # First the files say what was removed from them, then they are written without it.
        for of_removals in (True, False):
            job = client.compact(self._collection, is_l0=of_removals, timeout=self._seconds)
            until = time.monotonic() + _COMPACTING
            while client.get_compaction_state(job, timeout=self._seconds) == "Executing":
                if time.monotonic() > until:
                    raise EngineAway(
                        "Milvus has been compacting the collection for an hour.",
                        "Run the same command again later.",
                    )
                time.sleep(_LOOK_AGAIN)

    def settle(self, client: Any) -> None:
        """Nothing is done: a server puts rows into the index by itself."""

    def ids(self, client: Any) -> Ids:
        """All, ascending."""
        pages = client.query_iterator(
            self._collection, batch_size=MOST_FOUND, output_fields=["id"], **self._strong
        )
        found: list[int] = []
        try:
            while page := pages.next():
                found += [row["id"] for row in page]
        finally:
            pages.close()
        return np.unique(np.array(found, dtype=np.int64))

    def count(self, client: Any) -> int:
        """How many there are."""
        (row,) = client.query(
            self._collection, filter="", output_fields=["count(*)"], **self._strong
        )
        return int(row["count(*)"])

    def asked(self, count: int) -> tuple[int, dict[str, Any]]:
        """No more than a server gives."""
        limit = min(count, MOST_FOUND)
        return limit, {"metric_type": "IP", "params": {"ef": max(_BREADTH, 2 * limit)}}
