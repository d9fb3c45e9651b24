"""Figures of cohorts: what was measured of a selection as heat map, tree and map."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from gestalt_space.cohort.clusters import Clustering
from gestalt_space.cohort.cohort_matrix import CohortMatrix
from gestalt_space.cohort.columns import Column, column_of, known_columns, titles_in, titles_of
from gestalt_space.cohort.ordering import clustered_order
from gestalt_space.cohort.pair_similarities import pair_similarities
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.shown_map import ShownMap
from gestalt_space.errors import UsageError
from gestalt_space.figures.distributions import distributions, distributions_figure
from gestalt_space.figures.heat_map import Bar, HeatMap, heat_map_figure
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.point_maps import PointMap, point_map_figure
from gestalt_space.figures.trees import Tree, tree_figure

MOST_ROWS = 3000
"""Rows or columns beyond which a cell would be smaller than what a page or a printer can show."""
_TREE_BARS: tuple[Column, ...] = ("disorder", "cohort", "sex")
_UNITS = {
    "similarity": "similarity (mean cosine)",
    "distance": "distance (1 − similarity)",
    "rank": "rank (0 is the closest)",
}


def heat_map_of(matrix: CohortMatrix, palette: Palette | None = None) -> HeatMap:
    """The heat map of a matrix, its rows and columns in the order of their clusters. `palette`: of
    the figures beside which it stands. Raises `UsageError` for a matrix that is too large to be
    looked at."""
    if max(matrix.values.shape) > MOST_ROWS:
        raise UsageError(
            f"{max(matrix.values.shape):,} rows are too many for a readable heat map.",
            f"Choose at most {MOST_ROWS:,}, or show patients instead of photos with --unit "
            "patient.",
        )
    order = clustered_order(matrix)
    values = matrix.values[np.ix_(order.rows, order.columns)].astype(np.float64)
    value = str(matrix.about["value"])
    if value == "rank":
        values[values < 0] = np.nan
    palette = palette or Palette()
    bars = []
    told = (
        ("disorder", titles_in(matrix.row_facts), titles_in(matrix.column_facts)),
        ("cohort", matrix.row_facts["cohort"], matrix.column_facts["cohort"]),
    )
    for title, of_rows, of_columns in told:
        known = of_rows if matrix.is_within else np.concatenate([of_rows, of_columns])
        if len(np.unique(known)) > 1:
            key = palette.key(title, known)
            rows, columns = key.groups(of_rows)[order.rows], key.groups(of_columns)[order.columns]
            bars.append(Bar(key, rows, columns))
    names = [matrix.rows[row] for row in order.rows]
    across = [matrix.columns[column] for column in order.columns]
    return HeatMap(
        values=values,
        rows=names,
        columns=None if matrix.is_within else across,
        bars=bars,
        unit=_UNITS[value],
        is_closer_high=value == "similarity",
        tree=order.row_tree,
        empty="the probe's own patient",
    )


def matrix_title(matrix: CohortMatrix) -> str:
    """What a matrix is of, in one line."""
    about = matrix.about
    how = {None: "", "mean": " (mean descriptors)", "nearest": " (nearest photos)"}
    sides = (matrix.rows,) if matrix.is_within else (matrix.rows, matrix.columns)
    counts = " with ".join(f"{len(names):,}" for names in sides)
    title = f"{str(about['value']).capitalize()} of {counts} {about['unit']}s"
    return title + how[about["patient_value"]]


def matrix_notes(matrix: CohortMatrix) -> tuple[str, str]:
    """What a matrix was made of: the selection, and the space with what was counted."""
    about = matrix.about
    what = str(about["selection"])
    if about["against"] is not None:
        what += f" (rows) with {about['against']} (columns)"
    counts = f"{about['patients']:,} patients, {about['photos']:,} photos"
    order = "order: average linkage"
    if about["control_photos"] is not None:
        order = f"among {about['control_photos']:,} photos of controls; {order}"
    return what, f"Space {about['space']} ({about['fingerprint'][:12]}); {counts}; {order}"


def matrix_figure(matrix: CohortMatrix, palette: Palette | None = None) -> Figure:
    """A figure of its own of a matrix. Raises `UsageError` for one that is too large."""
    heat = heat_map_of(matrix, palette)
    return heat_map_figure(heat, matrix_title(matrix), matrix_notes(matrix))


def similarities_figure(selection: Selection) -> Figure | None:
    """A figure of its own of the similarities of two families with one disorder, and with different
    ones; None where no two have one."""
    found = pair_similarities(selection)
    if not len(found.same):
        return None
    of = distributions({"same disorder": found.same, "different disorders": found.different})
    return distributions_figure(of, x="similarity of two families", each="pairs")


def tree_of(
    selection: Selection,
    found: Clustering,
    palette: Palette | None = None,
    *,
    show_patients: bool = False,
) -> Tree:
    """The tree of a clustering, with bars of clusters, disorder, cohort and sex where known."""
    palette = palette or Palette()
    known = known_columns(selection)
    bars = []
    for name in _TREE_BARS:
        if name in known and len(set(column_of(selection, name).tolist())) > 1:
            values = titles_of(selection, name)
            key = palette.key(name, values)
            bars.append((key, key.groups(values)))
    names = found.patients if show_patients else None
    return Tree(found.linkage, found.labels, bars, names)


def clustering_figure(
    selection: Selection, found: Clustering, *, show_patients: bool = False
) -> Figure:
    """A figure of its own of a clustering's tree. Nobody is named unless it is asked for."""
    return tree_figure(
        tree_of(selection, found, show_patients=show_patients),
        f"{len(found.patients):,} patients by average linkage",
        f"{selection.source}; space {selection.space} ({selection.fingerprint[:12]})",
    )


def map_of(shown: ShownMap, column: Column, palette: Palette | None = None) -> PointMap:
    """A map of patients in the hues of a column. Raises `UsageError` where nothing is known in
    it."""
    values = shown.values(column)
    key = (palette or Palette()).key(column, values)
    return PointMap(shown.places, key, key.groups(values), shown.is_placed)


def map_figure(shown: ShownMap, column: Column, note: str = "") -> Figure:
    """A figure of its own of a map. Raises `UsageError` where nothing is known in the column."""
    title = f"{len(shown.places):,} patients by {column}"
    return point_map_figure(map_of(shown, column), title, note)
