"""What figures of cohorts draw, from what was measured."""

from __future__ import annotations

import numpy as np

from gestalt_space.cohort.clusters import Clustering
from gestalt_space.cohort.cohort_matrix import CohortMatrix
from gestalt_space.cohort.columns import Column, column_of, known_columns, titles_of
from gestalt_space.cohort.heat import clustered_order
from gestalt_space.cohort.selection import Selection
from gestalt_space.figures.heat_map import Bar, HeatMap
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.trees import Tree

_BARS = (("disorder_names", "disorder"), ("cohort", "cohort"))
_TREE_BARS: tuple[Column, ...] = ("disorder", "cohort", "sex")


def heat_map_of(matrix: CohortMatrix, palette: Palette) -> HeatMap:
    rows, columns = clustered_order(matrix)
    values = matrix.values[np.ix_(rows, columns)].astype(np.float64)
    if matrix.about["value"] == "rank":
        values[values < 0] = np.nan
    bars: list[Bar] = []
    for fact, title in _BARS:
        of_rows, of_columns = matrix.row_facts[fact], matrix.column_facts[fact]
        told = of_rows if matrix.is_within else np.concatenate([of_rows, of_columns])
        if len(np.unique(told)) < 2:
            continue
        key = palette.key(title, told)
        bars.append(Bar(key, key.groups(of_rows)[rows], key.groups(of_columns)[columns]))
    return HeatMap(
        values=values,
        rows=[matrix.rows[row] for row in rows],
        columns=None if matrix.is_within else [matrix.columns[column] for column in columns],
        bars=bars,
        unit=str(matrix.about["value"]),
        is_closer_high=matrix.about["value"] == "similarity",
        empty="of the probe's own patient",
    )


def tree_of(
    selection: Selection, found: Clustering, palette: Palette, *, show_patients: bool = False
) -> Tree:
    known = known_columns(selection)
    bars = []
    for name in _TREE_BARS:
        values = titles_of(selection, name)
        if name in known and len(set(column_of(selection, name).tolist())) > 1:
            key = palette.key(name, values)
            bars.append((key, key.groups(values)))
    return Tree(found.linkage, found.labels, bars, found.patients if show_patients else None)
