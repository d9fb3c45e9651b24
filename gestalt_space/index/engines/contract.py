"""What a search engine does for a gallery: it keeps a copy of the descriptors of one space, and
gives the identifiers of those near to a probe.

The database stays the only truth. An engine says up to which change it follows the database; what
it finds is looked up there, and compared exactly with the vectors that stand there. It is told no
names: patients are numbers, sites are 64-bit hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Descriptors, Ids

NOTHING = -1
"""The sequence of a collection that was never brought up to the database."""


@dataclass(frozen=True, slots=True)
class CollectionPlace:
    """Where the collection of a space is. `address`: of the engine, with what it needs to let one
    in; `space`: the fingerprint of the space; `dim`: the numbers of a descriptor; `gallery`: the
    identifier of the gallery that it is of."""

    address: str
    space: str
    dim: int
    gallery: str


@dataclass(frozen=True, slots=True)
class EnginePosition:
    """What a collection knows.

    `space`: the fingerprint of its space; `dim`: the numbers of a descriptor; `gallery`: the
    identifier of the gallery that it is of, empty where that cannot be read. `sequence`: of the
    last change of the database that it follows, `NOTHING` before the first; `epoch`: that of the
    database then. `rows`: how many descriptors it has.
    """

    space: str
    dim: int
    gallery: str
    sequence: int
    epoch: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class EngineRows:
    """Descriptors to keep. `ids` `(n,)`, none twice; `patients` `(n,)`: their keys; `ages` `(n,)`
    in years, NaN where not known; `sites` `(n,)`: hashes, 0 where not known; `vectors` `(n, d)`
    float32 of unit length."""

    ids: Ids
    patients: Ids
    ages: NDArray[np.float64]
    sites: Ids
    vectors: Descriptors


@dataclass(frozen=True, slots=True, eq=False)
class EngineFilter:
    """Which rows an engine may give; all parts must fit, None lets all in.

    `ages`: youngest and oldest age in years, both included, possibly infinite; `unknown_age`: rows
    without an age fit too, or only those where `ages` is None. `sites`: any of these hashes.
    `patients`: only these keys, few thousand at the most. `without`: none of these keys, few.
    """

    ages: tuple[float, float] | None = None
    unknown_age: bool = False
    sites: Ids | None = None
    patients: Ids | None = None
    without: Ids | None = None


EVERY_ROW = EngineFilter()


@dataclass(frozen=True, slots=True, eq=False)
class EngineHits:
    """Rows near to a probe: `ids` `(m,)`, none twice, in no order; `similarities` `(m,)` float64:
    what the engine takes their inner products to be, NaN where it does not tell."""

    ids: Ids
    similarities: NDArray[np.float64]


class VectorEngine(Protocol):
    """One collection of an engine: the descriptors of one space. Safe for threads.

    Whoever writes holds a lock on the collection: of two processes only one writes at a time.
    Searches go on meanwhile. Every method but `close` raises `EngineAway` where the engine does not
    answer, `EngineUnsuitable` where it has no such collection, or one of another gallery, space or
    dimension, and `EngineFull` where it has no room.
    """

    name: str
    """How questions and commands call it: `pgvector`."""
    tolerance: float
    """By how much the similarities that it tells may err."""

    def position(self) -> EnginePosition | None:
        """What the collection knows; None where there is none. Raises nothing for a collection of
        another gallery, space or dimension: the position says so."""

    def create(self) -> None:
        """Make the collection, empty, for the space and the dimension that it was opened with.
        Nothing is done where it is there already.

        Raises `EngineUnsuitable` where that of another gallery, space or dimension is there, or
        where the engine cannot keep descriptors of so many numbers.
        """

    def add(self, rows: EngineRows) -> None:
        """Keep rows; those that it has already are replaced. They are durable when it returns, and
        searches may give them from then on. The position stays."""

    def correct(self, ids: Ids, ages: NDArray[np.float64], sites: Ids) -> None:
        """Other ages and sites of rows `(n,)`; ids that it does not have are passed over."""

    def remove(self, ids: Ids) -> None:
        """Take rows out; ids that it does not have are passed over. When it returns, no later
        search gives them, whoever asks."""

    def wipe(self) -> None:
        """After `remove`: take what was removed out of the engine's files, too, as far as the
        engine can. May take long."""

    def settle(self, sequence: int, epoch: int, *, recount: bool = False) -> None:
        """Say that it follows the database up to a change. What makes searches fast is built first
        where it is missing: that may take long. With `recount` rows are counted, also where their
        number is kept beside them. The position is durable when it returns; rows that were added or
        removed before are, too."""

    def ids(self) -> Ids:
        """The identifiers of all rows, ascending."""

    def nearest(
        self, probe: NDArray[np.float32], count: int, among: EngineFilter = EVERY_ROW
    ) -> EngineHits:
        """About the `count` nearest to a probe `(d,)` of unit length, of the rows that fit: fewer
        where fewer fit or are found."""

    def drop(self, *, of_any: bool = False) -> None:
        """Delete the collection, where there is one of this space or of any other; with `of_any`,
        also one of another gallery, or that is damaged."""

    def close(self) -> None:
        """Give connections back. Raises nothing, and may be called twice."""
