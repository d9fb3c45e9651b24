"""Who is shown on a map, where, and by which columns: its own patients, and those placed later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.columns import Column, known_columns, titles_of
from gestalt_space.cohort.mapping import CohortMap
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError


@dataclass(frozen=True)
class ShownMap:
    """Patients `(p,)` at `places` `(p, 2)`, those placed later at the end: `is_placed` `(p,)`.
    `columns`: the values `(p,)` of those columns in which anything is known."""

    places: NDArray[np.float64]
    patients: tuple[str, ...]
    columns: Mapping[Column, NDArray[np.str_]]
    is_placed: NDArray[np.bool_]

    def values(self, column: Column) -> NDArray[np.str_]:
        """The values of a column. Raises `UsageError` where nothing is known in it."""
        if column not in self.columns:
            raise UsageError(
                f"No patient on the map has a known {column}.", f"Known: {', '.join(self.columns)}."
            )
        return self.columns[column]


def shown_map(
    on: CohortMap,
    selection: Selection,
    placed: Selection | None = None,
    there: NDArray[np.float64] | None = None,
) -> ShownMap:
    """A map's patients, `selection`, with those `placed` later, `there` `(q, 2)`. Raises
    `UsageError` for other patients than those of the map."""
    if (placed is None) != (there is None) or on.patients != selection.patients:
        raise UsageError(
            "The map was made from other patients.",
            "Give the patients of the map, and the positions of those placed later.",
        )
    selections = [selection] if placed is None else [selection, placed]
    names: tuple[Column, ...] = known_columns(selection) or ("disorder",)
    places = on.places if there is None else np.concatenate([on.places, there])
    return ShownMap(
        places=places,
        patients=selection.patients + (() if placed is None else placed.patients),
        columns={
            name: np.concatenate([titles_of(one, name) for one in selections]) for name in names
        },
        is_placed=np.arange(len(places)) >= len(on.places),
    )
