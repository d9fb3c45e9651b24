"""A gallery's state as what a calibration is fitted to: descriptors by row number, and whose they
are, by keys; no name is needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gestalt_space.gallery.calibration.rows import BLOCK
from gestalt_space.gallery.state import GalleryState
from gestalt_space.ranking.grouping import Grouping, Numbers, grouping
from gestalt_space.types import Descriptors, Ids


class StateRows:
    """The descriptors of a state that are not removed, see `DescriptorRows`."""

    def __init__(self, state: GalleryState) -> None:
        self._state = state
        self.places: Numbers = np.flatnonzero(state.patients >= 0)
        """`(n,)`: where each row stands in the state."""

    @property
    def ids(self) -> Ids:
        """`(n,)`: the descriptors' keys."""
        return self._state.ids[self.places]

    @property
    def dim(self) -> int:
        """The length of a descriptor."""
        return self._state.space.dim

    def rows(self, numbers: Numbers) -> Descriptors:
        """A copy, `(m, d)`."""
        return self._state.vectors_at(self.places[numbers])

    def blocks(self) -> Iterator[tuple[Numbers, Descriptors]]:
        """Copies of `BLOCK` rows."""
        for start in range(0, len(self.places), BLOCK):
            numbers = np.arange(start, min(start + BLOCK, len(self.places)))
            yield numbers, self.rows(numbers)


def state_grouping(state: GalleryState, places: Numbers) -> Grouping:
    """The rows of a state at some places by disorder, numbered in their order; patients and
    disorders by their keys."""
    keys = np.arange(state.people.last_key + 1)
    families = state.people.fact("family", keys)
    # Whoever is of no known family is one alone.
    _, numbers = np.unique(families, return_inverse=True)
    alone = families == 0
    numbers = numbers.astype(np.int64)
    numbers[alone] = numbers.max(initial=0) + 1 + np.arange(alone.sum())
    return grouping(
        np.arange(len(places)),
        state.patients[places],
        np.stack(state.people.pairs("disorder"), axis=1),
        families=numbers,
    )
