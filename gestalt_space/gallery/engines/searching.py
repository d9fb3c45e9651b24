"""A search by an engine over a state of a gallery: candidates come from the engine, their
similarities from the descriptors that stand in the database, and what the engine does not know yet
is searched exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.counts import counted_text
from gestalt_space.errors import EngineUnsuitable, GalleryChanged
from gestalt_space.gallery.engines.recorded import EngineRecall, EngineRecord
from gestalt_space.gallery.engines.usable import usable_position
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.engines.contract import (
    EVERY_ROW,
    EngineFilter,
    EngineHits,
    EnginePosition,
    VectorEngine,
)
from gestalt_space.index.exact import exact_similarities
from gestalt_space.index.search import Candidates
from gestalt_space.ranking.contenders import Nearest
from gestalt_space.store import tail
from gestalt_space.types import Descriptors, Ids

Reading = Callable[[], AbstractContextManager[Session]]


class EngineSearcher:
    """An engine that searches a state. Safe for threads.

    `reading`: begins to read the database. Raises `EngineAway`, and `EngineUnsuitable` where the
    engine does not have the descriptors of this gallery and space.
    """

    def __init__(
        self, engine: VectorEngine, record: EngineRecord, state: GalleryState, reading: Reading
    ) -> None:
        self._engine = engine
        self._record = record
        self._state = state
        self._reading = reading
        self.position = self._checked()
        """What the engine knows."""
        self._later = self._rows_later()
        # One that lags behind removals has more rows, never fewer.
        lacks = self.position.rows + self.later < state.photos
        if lacks and self.position.epoch <= state.mark.epoch:
            raise self._differs()

    @property
    def name(self) -> str:
        """Of the engine."""
        return self._record.name

    @property
    def recall(self) -> EngineRecall | None:
        """What was measured; None where nothing was."""
        return self._record.recall

    @property
    def later(self) -> int:
        """How many photos the engine does not know yet."""
        return int(np.count_nonzero(self._later))

    @property
    def told(self) -> str:
        """How far it is to be trusted, for whoever sees what it found."""
        recall = "recall not measured" if self.recall is None else self.recall.told
        if not self.later:
            return f"{self.name}: {recall}"
        were = "was" if self.later == 1 else "were"
        photos = counted_text(self.later, "newer photo")
        return f"{self.name}: {recall}; {photos} {were} searched exactly"

    def nearest(
        self,
        probe: NDArray[np.float32],
        count: int,
        among: EngineFilter = EVERY_ROW,
        rows: NDArray[np.bool_] | None = None,
    ) -> Nearest:
        """About the `count` photos nearest to a probe `(d,)` that the engine finds, and as many
        that came later: of the rows `(n,)` alone, of which `among` lets all in, and perhaps others.

        Similarities are exact. The bound is -inf, as if all photos had been looked at: nobody knows
        what was missed.
        """
        hits = self._engine.nearest(probe, count, among)
        self._check_there()
        found, similarities = self._compared(probe, hits)
        kept = ~self._later[found]
        if rows is not None:
            kept &= rows[found]
        later = self._later if rows is None else self._later & rows
        if later.any():
            new = self._state.searcher.candidates(probe, count, among=later).rows
        else:
            new = np.zeros(0, dtype=np.int64)
        return self._state.nearest_among(
            Candidates(
                np.concatenate([found[kept], new]),
                np.concatenate([similarities[kept], self._state.exact(probe, new)]),
                -np.inf,
            )
        )

    def _compared(self, probe: Descriptors, hits: EngineHits) -> tuple[Ids, NDArray[np.float64]]:
        """The rows of what an engine found, and their similarities by the database's descriptors;
        what the state or the database does not have is passed over."""
        order = np.argsort(hits.ids)
        ids, told = hits.ids[order], hits.similarities[order]
        with self._reading() as session:
            there, vectors = tail.vectors_of(session, self._state.space, ids)
        told = told[np.searchsorted(ids, there)]
        similarities = exact_similarities(probe, vectors)
        if (np.abs(similarities - told) > self._engine.tolerance).any():
            raise self._differs()
        rows = self._state.rows_with(there)
        of_row = self._state.column_at("ids", rows)
        return rows, similarities[np.searchsorted(there, of_row)]

    def _checked(self) -> EnginePosition:
        position = self._engine.position()
        with self._reading() as session:
            return usable_position(session, self._state.space, self.name, position)

    def _rows_later(self) -> NDArray[np.bool_]:
        later = np.zeros(len(self._state), dtype=bool)
        if self.position.sequence < self._state.mark.sequence:
            with self._reading() as session:
                ids = tail.ids_after(session, self._state.space, self.position.sequence)
            later[self._state.rows_with(ids)] = True
        return later

    def _check_there(self) -> None:
        """Raise `GalleryChanged` where the engine was emptied since its position was read."""
        position = self._engine.position()
        if (
            position is None
            or position.gallery != self.position.gallery
            or position.sequence < self.position.sequence
        ):
            raise GalleryChanged(
                f"{self.name} was filled anew during the search.", "Run the same command again."
            )

    def _differs(self) -> EngineUnsuitable:
        return EngineUnsuitable(
            f"{self.name} has other descriptors than the database.",
            f"Run `gestalt index engine sync {self.name} --anew`, or leave out --index.",
        )
