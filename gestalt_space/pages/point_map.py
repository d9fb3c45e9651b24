"""Maps of patients of which the reader chooses the column that colours them, and that say who or what
is pointed at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from gestalt_space.figures.keys import Palette
from gestalt_space.figures.point_maps import PointMap, point_map_figure
from gestalt_space.figures.positions import points_of
from gestalt_space.pages.pictures import Drawings


@dataclass(frozen=True)
class ColumnMap:
    """The map coloured by one column: the SVG, and the places of the patients in it."""

    column: str
    svg: Markup
    points: list[list[float]]


def column_maps(
    places: NDArray[np.float64],
    columns: Mapping[str, NDArray[np.str_]],
    drawings: Drawings,
    palette: Palette,
    *,
    ringed: NDArray[np.bool_] | None = None,
) -> list[ColumnMap]:
    """Maps of patients at `places` `(p, 2)` by each of `columns` `(p,)`, in their order. `ringed`
    `(p,)`: who was placed later."""
    maps = []
    for column, values in columns.items():
        key = palette.key(column, values)
        figure = point_map_figure(PointMap(places, key, key.groups(values), ringed), "")
        svg = drawings.add(figure, f"Map of {len(places):,} patients, coloured by {column}")
        points = points_of(figure, figure.axes[0], places)
        maps.append(ColumnMap(column, svg, np.round(points, 1).tolist()))
    return maps


def words_of(
    columns: Mapping[str, NDArray[np.str_]],
    names: Sequence[str] | None = None,
    ringed: NDArray[np.bool_] | None = None,
) -> list[str]:
    """What is said of each patient: the known values of the columns, after the name where `names`
    are shown."""
    words = []
    for row in range(len(next(iter(columns.values())))):
        said = [] if names is None else [names[row]]
        said += [f"{column} {values[row]}" for column, values in columns.items() if values[row]]
        said += ["placed later"] * bool(ringed is not None and ringed[row])
        words.append("; ".join(said) or "a patient of whom nothing is known")
    return words
