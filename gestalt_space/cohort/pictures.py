"""Trees, maps and composites of a selection as drawings, and their files. Nobody is named unless it
is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space import __version__
from gestalt_space.cohort.clusters import Clustering
from gestalt_space.cohort.columns import Column, column_of, known_columns, titles_of
from gestalt_space.cohort.mapping import CohortMap
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from gestalt_space.files import check_new_file, write_atomically
from gestalt_space.report.dendrogram import dendrogram
from gestalt_space.report.drawing import Drawing, png_file, svg_file
from gestalt_space.report.html import element, page, paragraph
from gestalt_space.report.keyed import Key, key_of
from gestalt_space.report.map_figure import map_drawing, switched_maps

DRAWINGS = (".png", ".svg")
GENERATOR = f"gestalt-space {__version__}"
_BARS: tuple[Column, ...] = ("disorder", "cohort", "sex")


def write_drawing(drawing: Drawing, path: Path | str, *, overwrite: bool = False) -> None:
    """Write a drawing as PNG or SVG, by the ending. Raises `UsageError` for another, and
    `OutputError`."""
    path = Path(path)
    check_new_file(path, DRAWINGS, overwrite=overwrite, option="--force")
    svg = path.suffix.lower() == ".svg"
    write_atomically(path, svg_file(drawing) if svg else png_file(drawing))


def tree_drawing(
    selection: Selection, found: Clustering, *, show_patients: bool = False
) -> Drawing:
    """The tree of a clustering, with bars of clusters, disorder, cohort and sex where known."""
    known = known_columns(selection)
    bars: list[tuple[str, Key]] = []
    for name in _BARS:
        if name in known and len(set(column_of(selection, name).tolist())) > 1:
            first = sum(len(key.names) for _, key in bars)
            bars.append((name, key_of(titles_of(selection, name), first=first)))
    return dendrogram(
        found.linkage,
        found.labels,
        bars,
        names=found.patients if show_patients else None,
        title=f"{len(found.patients)} patients by average linkage",
        note=f"{selection.source}; space {selection.space} ({selection.fingerprint[:12]})",
    )


def shown_map(
    on: CohortMap, selection: Selection, placed: Selection | None, there: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.str_]], NDArray[np.bool_]]:
    """Places, columns and rings of a map's patients, `selection`, and of those placed later."""
    selections = [selection] if placed is None else [selection, placed]
    names = known_columns(selection) or ("disorder",)
    columns: dict[str, NDArray[np.str_]] = {
        name: np.concatenate([titles_of(one, name) for one in selections]) for name in names
    }
    places = on.places if there is None else np.concatenate([on.places, there])
    return places, columns, np.arange(len(places)) >= len(on.places)


def write_map_picture(
    on: CohortMap,
    selection: Selection,
    column: Column,
    path: Path | str,
    *,
    placed: Selection | None = None,
    there: NDArray[np.float64] | None = None,
    show_patients: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a map as PNG or SVG, or as a page (.html) on which the column is chosen.

    `selection`: the map's patients; `placed`: those placed later, `there` `(q, 2)` their places.
    Raises `UsageError` for other patients, an ending, or a column of which nothing is known, and
    `OutputError`.
    """
    path = Path(path)
    check_new_file(path, (*DRAWINGS, ".html"), overwrite=overwrite, option="--force")
    if (placed is None) != (there is None) or on.patients != selection.patients:
        raise UsageError(
            "The map is of other patients.", "Give its own, and places with those placed later."
        )
    places, columns, ringed = shown_map(on, selection, placed, there)
    if column not in columns:
        raise UsageError(
            f"The {column} of nobody on the map is known.", f"Known: {', '.join(columns)}."
        )
    names = selection.patients + (() if placed is None else placed.patients)
    titles = names if show_patients else None
    if path.suffix.lower() == ".html":
        made = page(
            f"Map of {len(places)} patients",
            element("h1", f"Map of {len(places)} patients"),
            paragraph(
                f"{selection.source}; {on.told}; space {on.space} {on.fingerprint[:12]}. A "
                "research tool, not a medical device: similarity of faces is not a diagnosis."
            ),
            switched_maps(
                places, columns, first=column, method=on.told, titles=titles, ringed=ringed
            ),
            generator=GENERATOR,
        )
        write_atomically(path, made.encode())
        return
    drawn = map_drawing(
        places,
        key_of(columns[column]),
        column=column,
        title=f"{len(places)} patients by {column}",
        method=on.told,
        titles=titles,
        ringed=ringed,
    )
    write_drawing(drawn, path, overwrite=overwrite)
