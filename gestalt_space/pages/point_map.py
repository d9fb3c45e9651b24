"""Maps of patients on which the reader chooses what colours them, and that say what is pointed at.
Nobody is named unless asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.cohort.columns import Column
from gestalt_space.cohort.mapping import CohortMap
from gestalt_space.cohort.shown_map import ShownMap
from gestalt_space.figures.cohorts import map_of
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.point_maps import PointMap, point_map_figure
from gestalt_space.figures.positions import points_of
from gestalt_space.pages.environment import ENDINGS, render
from gestalt_space.pages.pictures import Drawings


@dataclass(frozen=True)
class ColumnMap:
    """The map coloured by one column: the SVG, and the places of the patients in it."""

    column: Column
    svg: Markup
    points: list[list[float]]


def write_map_page(
    on: CohortMap,
    shown: ShownMap,
    source: str,
    column: Column,
    path: Path | str,
    *,
    show_patients: bool = False,
    overwrite: bool = False,
) -> None:
    """Write the page: see `map_page`. Raises `OutputError`, and `UsageError` for an ending other
    than `.html` and for a column in which nothing is known."""
    path = Path(path)
    check_new_file(path, ENDINGS, overwrite=overwrite)
    made = map_page(on, shown, source, column, show_patients=show_patients)
    write_atomically(path, made.encode())


def map_page(
    on: CohortMap, shown: ShownMap, source: str, column: Column, *, show_patients: bool = False
) -> str:
    """The page as HTML. `source`: what was selected, in words; `column`: the one that is shown
    first. Raises `UsageError` where nothing is known in it."""
    shown.values(column)
    return render(
        "point_map.html",
        maker="gestalt-space cohort map",
        scripts=("pointing.js", "point_map.js"),
        count=len(shown.patients),
        source=source,
        method=on.told,
        is_bent=on.method != "pca",
        space=on.space,
        fingerprint=on.fingerprint[:12],
        maps=column_maps(shown, Drawings(), Palette(), first=column),
        words=words_of(shown, show_patients=show_patients),
    )


def column_maps(
    shown: ShownMap, drawings: Drawings, palette: Palette, *, first: Column | None = None
) -> list[ColumnMap]:
    """The map by each column, `first` before the others."""
    count = f"{len(shown.patients):,} patients"
    return [
        column_map(
            column,
            map_of(shown, column, palette),
            drawings,
            f"Map of {count}, coloured by {column}",
        )
        for column in sorted(shown.columns, key=lambda column: column != first)
    ]


def column_map(column: Column, of: PointMap, drawings: Drawings, alt: str) -> ColumnMap:
    """One map. `alt`: what it shows, in words."""
    figure = point_map_figure(of, "")
    svg = drawings.add(figure, alt)
    points = points_of(figure, figure.axes[0], of.places)
    return ColumnMap(column, svg, np.round(points, 1).tolist())


def words_of(shown: ShownMap, *, show_patients: bool) -> list[str]:
    """What is said of each patient: the known values of all columns, and the name where it is
    shown."""
    words = []
    for row, name in enumerate(shown.patients):
        known = [f"{column} {of[row]}" for column, of in shown.columns.items() if of[row]]
        later = ["placed later"] * bool(shown.is_placed[row])
        words.append("; ".join([name] * show_patients + known + later) or "no known facts")
    return words
