"""An engine in memory that searches exactly: what the contract asks of all, in few lines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import EngineAway, EngineFull, EngineUnsuitable
from gestalt_space.index.engines.contract import (
    EVERY_ROW,
    NOTHING,
    EngineFilter,
    EngineHits,
    EnginePosition,
    EngineRows,
)
from gestalt_space.types import Ids


@dataclass
class Row:
    patient: int
    age: float
    site: int
    vector: NDArray[np.float32]


@dataclass
class Collection:
    position: EnginePosition
    rows: dict[int, Row] = field(default_factory=dict)


@dataclass
class ReferenceServer:
    """Where collections are, for all engines that are opened on it. `is_away`: it does not answer;
    `room`: the rows that it has room for."""

    collections: dict[str, Collection] = field(default_factory=dict)
    is_away: bool = False
    room: int = 10**9


class ReferenceEngine:
    """One collection of a server in memory."""

    name = "reference"
    tolerance = 1e-5

    def __init__(
        self, server: ReferenceServer, place: str, space: str, dim: int, gallery: str
    ) -> None:
        self._server, self._place, self._space, self._dim = server, place, space, dim
        self._gallery = gallery

    def position(self) -> EnginePosition | None:
        self._check_here()
        found = self._server.collections.get(self._place)
        return None if found is None else replace(found.position, rows=len(found.rows))

    def create(self) -> None:
        self._check_here()
        if self._place in self._server.collections:
            self._collection()
            return
        position = EnginePosition(self._space, self._dim, self._gallery, NOTHING, 0, 0)
        self._server.collections[self._place] = Collection(position)

    def add(self, rows: EngineRows) -> None:
        kept = self._collection().rows
        if len({*kept, *rows.ids.tolist()}) > self._server.room:
            raise EngineFull("The reference engine is full.", "Give it more room.")
        for place, key in enumerate(rows.ids.tolist()):
            kept[key] = Row(
                int(rows.patients[place]),
                float(rows.ages[place]),
                int(rows.sites[place]),
                rows.vectors[place].copy(),
            )

    def correct(self, ids: Ids, ages: NDArray[np.float64], sites: Ids) -> None:
        kept = self._collection().rows
        for key, age, site in zip(ids.tolist(), ages.tolist(), sites.tolist(), strict=True):
            if key in kept:
                kept[key] = replace(kept[key], age=age, site=site)

    def remove(self, ids: Ids) -> None:
        kept = self._collection().rows
        for key in ids.tolist():
            kept.pop(key, None)

    def wipe(self) -> None:
        self._collection()

    def settle(self, sequence: int, epoch: int, *, recount: bool = False) -> None:
        found = self._collection()
        found.position = replace(found.position, sequence=sequence, epoch=epoch)

    def ids(self) -> Ids:
        return np.array(sorted(self._collection().rows), dtype=np.int64)

    def nearest(
        self, probe: NDArray[np.float32], count: int, among: EngineFilter = EVERY_ROW
    ) -> EngineHits:
        rows = [(key, row) for key, row in self._collection().rows.items() if _fits(row, among)]
        found = [(float(row.vector @ probe), key) for key, row in rows]
        best = sorted(found, reverse=True)[:count]
        return EngineHits(
            np.array([key for _, key in best], dtype=np.int64),
            np.array([similarity for similarity, _ in best], dtype=np.float64),
        )

    def drop(self, *, of_any: bool = False) -> None:
        self._check_here()
        found = self._server.collections.get(self._place)
        if found is not None and not of_any:
            self._check_own(found)
        self._server.collections.pop(self._place, None)

    def close(self) -> None:
        pass

    def _check_here(self) -> None:
        if self._server.is_away:
            raise EngineAway("The reference engine does not answer.", "Start it.")

    def _check_own(self, found: Collection) -> None:
        if found.position.gallery != self._gallery:
            raise EngineUnsuitable("The collection is of another gallery.", "Use another one.")

    def _collection(self) -> Collection:
        self._check_here()
        found = self._server.collections.get(self._place)
        if found is None:
            raise EngineUnsuitable("The reference engine has no such collection.", "Fill it.")
        self._check_own(found)
        if (found.position.space, found.position.dim) != (self._space, self._dim):
            raise EngineUnsuitable("The collection is of another space.", "Use another one.")
        return found


def _fits(row: Row, among: EngineFilter) -> bool:
    if among.ages is not None or among.unknown_age:
        is_between = among.ages is not None and among.ages[0] <= row.age <= among.ages[1]
        if not (is_between or (among.unknown_age and np.isnan(row.age))):
            return False
    if among.sites is not None and row.site not in among.sites:
        return False
    if among.patients is not None and row.patient not in among.patients:
        return False
    return among.without is None or row.patient not in among.without
