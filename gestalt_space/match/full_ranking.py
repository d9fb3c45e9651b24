"""Lines by the similarities to all photos: for questions by the nearest of them that need most
anyway."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.exact import TOLERANCE, exact_similarities
from gestalt_space.lazy_value import LazyValue
from gestalt_space.match.lines import RankedLine
from gestalt_space.match.view import GalleryView, OwnFamily
from gestalt_space.ranking.chance import Chance
from gestalt_space.ranking.grouping import Grouping, Numbers
from gestalt_space.ranking.ranks import RankedGroup, rank_groups
from gestalt_space.types import Descriptors


class FullRanking:
    """Ranks a view as a whole. `load` gives its snapshot, when it is first needed."""

    def __init__(self, view: GalleryView, load: Callable[[], Snapshot]) -> None:
        self._view = view
        self._snapshot = LazyValue(load)
        self._evidence = LazyValue(self._restricted)

    def rank(self, probe: Descriptors, family: OwnFamily) -> tuple[RankedLine, ...]:
        """The lines of a probe `(d,)`, of which its family is no evidence."""
        question, state = self._view.question, self._view.state
        snapshot, evidence = self._snapshot(), self._evidence()
        chance = Chance.of(state.calibration) if question.aggregation == "calibrated" else None
        ranked = rank_groups(
            state.searcher.similarities(probe[None])[0][snapshot.rows],
            evidence,
            question.k,
            question.aggregation,
            own=_family(snapshot, family),
            chance=chance,
            exact=lambda rows: exact_similarities(probe, state.vectors_at(snapshot.rows[rows])),
            tolerance=TOLERANCE,
        )
        return tuple(_line(one, snapshot, evidence, state) for one in ranked)

    def _restricted(self) -> Grouping:
        view, snapshot = self._view, self._snapshot()
        evidence = snapshot.lines.grouping
        eligible = ~np.isin(snapshot.keys, view.excluded)[snapshot.patient_of_row]
        if view.rows is not None:
            eligible &= view.rows[snapshot.rows]
        return evidence if eligible.all() else evidence.restricted(eligible)


def _family(snapshot: Snapshot, family: OwnFamily) -> int:
    """The number of a probe's family; -1 where none of them has a photo."""
    places = np.flatnonzero(np.isin(snapshot.keys, family.keys))
    if not len(places):
        return -1
    return int(snapshot.lines.grouping.family_of(places[:1])[0])


def _line(
    one: RankedGroup, snapshot: Snapshot, evidence: Grouping, state: GalleryState
) -> RankedLine:
    row: Numbers = snapshot.rows[one.row : one.row + 1]
    return RankedLine(
        group=int(snapshot.lines.keys[evidence.groups[one.group]]),
        patient=int(snapshot.keys[snapshot.patient_of_row[one.row]]),
        descriptor=int(state.column_at("ids", row)[0]),
        score=one.score,
        similarity=one.similarity,
    )
