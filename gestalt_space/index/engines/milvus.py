"""Milvus: Milvus Lite in a folder, for tests and one machine; a server or cluster by its address.

Milvus Lite compares a probe with every row. On a server the collection has an index of the kind
HNSW (Malkov and Yashunin 2018).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import EngineUnsuitable
from gestalt_space.index.codes import rounding
from gestalt_space.index.engines.contract import (
    EVERY_ROW,
    NOTHING,
    CollectionPlace,
    EngineFilter,
    EngineHits,
    EnginePosition,
    EngineRows,
)
from gestalt_space.index.engines.lite_rows import LiteRows
from gestalt_space.index.engines.milvus_address import is_server
from gestalt_space.index.engines.milvus_connections import (
    SYNC,
    LiteFolder,
    MilvusConnection,
    MilvusServer,
)
from gestalt_space.index.engines.milvus_filter import expression, stored_ages, stored_sites
from gestalt_space.index.engines.milvus_rows import POSITIONS, Entity, MilvusRows, ServerRows
from gestalt_space.index.engines.owners import of_another_gallery
from gestalt_space.types import Ids

MOST_NUMBERS = 32_768
"""The dimension up to which Milvus keeps vectors."""
_MOST_TEXT = 65_535
_NOBODY = EngineHits(np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True, slots=True)
class _Record:
    """What is kept of a collection. `unwiped`: what of its files has removed rows, by number."""

    space: str
    dim: int
    gallery: str
    sequence: int = NOTHING
    epoch: int = 0
    unwiped: tuple[int, ...] = ()


class MilvusEngine:
    """The collection of one space."""

    name = "milvus"

    def __init__(
        self,
        connection: MilvusConnection,
        rows: MilvusRows,
        collection: str,
        place: CollectionPlace,
    ) -> None:
        self.tolerance = rounding(place.dim)
        self._connection, self._rows, self._collection = connection, rows, collection
        self._space, self._dim, self._gallery = place.space, place.dim, place.gallery
        self._is_checked = False
        self._loaded_by: Any = None

    def position(self) -> EnginePosition | None:
        """What the collection knows; None where there is none."""
        with self._connection.asking() as client:
            if not self._is_there(client):
                return None
            record = self._record(client)
            count = self._rows.count(client)
        return EnginePosition(
            record.space, record.dim, record.gallery, record.sequence, record.epoch, count
        )

    def create(self) -> None:
        """Make the collection, and the one for the positions of all."""
        with self._connection.asking() as client:
            if self._is_there(client):
                self._checked(client)
                return
            if self._dim > MOST_NUMBERS:
                raise EngineUnsuitable(
                    f"Milvus keeps vectors of up to {MOST_NUMBERS:,} numbers, and those of this "
                    f"space have {self._dim:,}.",
                    "Search with the index of gestalt-space, or choose an encoder with fewer "
                    "slots.",
                )
            self._make_positions(client)
            # First, so that every collection has one.
            self._keep(client, _Record(self._space, self._dim, self._gallery))
            self._rows.create(client, self._collection, self._schema(client))
            self._connection.make_durable()

    def add(self, rows: EngineRows) -> None:
        """Keep rows, in the place of those with the same identifiers."""
        with self._writing() as (client, _):
            self._rows.put(client, _entities(rows))

    def correct(self, ids: Ids, ages: NDArray[np.float64], sites: Ids) -> None:
        """Other ages and sites; the rows are written again."""
        new = {
            key: {"age": age, "site": site}
            for key, age, site in zip(
                ids.tolist(),
                stored_ages(ages).tolist(),
                stored_sites(sites).tolist(),
                strict=True,
            )
        }
        with self._writing() as (client, _):
            for some in self._rows.get(client, ids):
                self._rows.put(client, [{**row, **new[row["id"]]} for row in some])

    def remove(self, ids: Ids) -> None:
        """Take rows out, and note that the files still have them."""
        with self._writing() as (client, record):
            unwiped = {*record.unwiped, *self._rows.blocks(client, ids)}
            if unwiped != {*record.unwiped}:
                self._keep(client, replace(record, unwiped=tuple(sorted(unwiped))))
                self._connection.make_durable()
            self._rows.remove(client, ids)

    def wipe(self) -> None:
        """Take what was removed out of the files."""
        with self._writing() as (client, record):
            if record.unwiped:
                self._rows.wipe(client, record.unwiped)
                self._connection.make_durable()
                self._keep(client, replace(record, unwiped=()))

    def settle(self, sequence: int, epoch: int, *, recount: bool = False) -> None:  # noqa: ARG002
        """Note the position, after all else is on the disk. Rows are counted after each change."""
        with self._writing() as (client, record):
            self._rows.settle(client)
            self._connection.make_durable()
            self._keep(client, replace(record, sequence=sequence, epoch=epoch))

    def ids(self) -> Ids:
        """The identifiers of all rows, ascending."""
        with self._connection.asking() as client:
            self._checked(client)
            return self._rows.ids(client)

    def nearest(
        self, probe: NDArray[np.float32], count: int, among: EngineFilter = EVERY_ROW
    ) -> EngineHits:
        """The nearest rows that fit."""
        wanted = expression(among)
        limit, options = self._rows.asked(count)
        with self._connection.asking() as client:
            if not self._is_checked:
                self._checked(client)
            if wanted is None or not limit:
                return _NOBODY
            (hits,) = client.search(
                self._collection,
                data=[probe],
                filter=wanted,
                limit=limit,
                # By default Milvus Lite gives whole rows.
                output_fields=["id"],
                search_params=options,
                anns_field="vector",
                consistency_level="Strong",
                timeout=self._connection.seconds,
            )
        return EngineHits(
            np.array([hit["id"] for hit in hits], dtype=np.int64),
            np.array([hit["distance"] for hit in hits], dtype=np.float64),
        )

    def drop(self, *, of_any: bool = False) -> None:
        """Delete the collection. Its position means nothing without it."""
        with self._connection.asking() as client:
            if not of_any and self._is_there(client):
                self._check_own(self._record(client))
            self._is_checked = False
            self._rows.drop(client)
            self._connection.make_durable()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[tuple[Any, _Record]]:
        """A client and what is known of the collection. At the end all is on the disk."""
        with self._connection.asking() as client:
            yield client, self._checked(client)
            self._connection.make_durable()

    def _checked(self, client: Any) -> _Record:
        """What is known of the collection, which is there and of this gallery and space."""
        if not self._is_there(client):
            raise EngineUnsuitable("Milvus has no collection of this gallery.", SYNC)
        record = self._record(client)
        self._check_own(record)
        if (record.space, record.dim) != (self._space, self._dim):
            raise EngineUnsuitable(
                f"The collection in Milvus has descriptors of {record.dim:,} numbers of space "
                f"{record.space[:12]}; this gallery's have {self._dim:,}, of space "
                f"{self._space[:12]}.",
                "Run `gestalt index engine remove milvus`, and add it again.",
            )
        self._is_checked = True
        return record

    def _check_own(self, record: _Record) -> None:
        if record.gallery != self._gallery:
            raise of_another_gallery(self.name)

    def _is_there(self, client: Any) -> bool:
        self._is_checked = False
        return bool(client.has_collection(self._collection, timeout=self._connection.seconds))

    def _record(self, client: Any) -> _Record:
        """What is kept of the collection; where nothing is, that it follows nothing, and is of no
        gallery."""
        if self._loaded_by is not client:
            self._make_positions(client)
            for name in (POSITIONS, self._collection):
                self._rows.load(client, name)
            self._loaded_by = client
        found = client.query(
            POSITIONS,
            ids=[self._collection],
            output_fields=["record"],
            consistency_level="Strong",
            timeout=self._connection.seconds,
        )
        if found:
            with suppress(ValueError, TypeError):
                return _Record(**json.loads(found[0]["record"]))
        fields = client.describe_collection(self._collection, timeout=self._connection.seconds)[
            "fields"
        ]
        (vector,) = (one for one in fields if one["name"] == "vector")
        return _Record(self._space, int(vector["params"]["dim"]), gallery="")

    def _keep(self, client: Any, record: _Record) -> None:
        row = {
            "collection": self._collection,
            "record": json.dumps(asdict(record)),
            "vector": [1.0, 0.0],
        }
        client.upsert(POSITIONS, [row], timeout=self._connection.seconds)

    def _schema(self, client: Any) -> Any:
        from pymilvus import DataType

        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("patient", DataType.INT64)
        schema.add_field("age", DataType.DOUBLE)
        schema.add_field("site", DataType.INT64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self._dim)
        return schema

    def _make_positions(self, client: Any) -> None:
        """Where there are none yet. Every collection of Milvus needs a vector: theirs mean
        nothing."""
        from pymilvus import DataType

        if client.has_collection(POSITIONS, timeout=self._connection.seconds):
            return
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("collection", DataType.VARCHAR, is_primary=True, max_length=255)
        schema.add_field("record", DataType.VARCHAR, max_length=_MOST_TEXT)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
        self._rows.create(client, POSITIONS, schema)


def open_milvus(place: CollectionPlace, wait: float = 30.0) -> MilvusEngine:
    """The collection of a place.

    `address`: a folder, which Milvus Lite uses, or `http://HOST:19530`, with the name of a database
    of Milvus behind it where that is not `default`, and before the host `TOKEN@` or
    `USER:PASSWORD@` where the server asks for one. `wait`: seconds to wait for another process that
    uses the folder, or for an answer of the server. Raises `UsageError` where pymilvus or Milvus
    Lite is not installed, or for an address that is none.
    """
    collection = f"gestalt_{place.space[:32]}"
    if is_server(place.address):
        server = MilvusServer(place.address, wait)
        rows: MilvusRows = ServerRows(collection, place.dim, wait)
        return MilvusEngine(server, rows, collection, place)
    folder = LiteFolder(Path(place.address), wait)
    rows = LiteRows(collection, place.dim, folder.server)
    return MilvusEngine(folder, rows, collection, place)


def _entities(rows: EngineRows) -> list[Entity]:
    return [
        {"id": key, "patient": patient, "age": age, "site": site, "vector": vector}
        for key, patient, age, site, vector in zip(
            rows.ids.tolist(),
            rows.patients.tolist(),
            stored_ages(rows.ages).tolist(),
            stored_sites(rows.sites).tolist(),
            rows.vectors,
            strict=True,
        )
    ]
