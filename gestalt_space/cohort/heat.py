"""Matrices of cohorts as clustered heat maps, to PNG, SVG or a page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space import __version__
from gestalt_space.cohort.clusters import average_linkage
from gestalt_space.cohort.cohort_matrix import CohortMatrix
from gestalt_space.errors import UsageError
from gestalt_space.files import check_new_file, write_atomically
from gestalt_space.report.drawing import png_file, svg_file
from gestalt_space.report.heatmap import Bar, HeatMap, draw_heat_map, heat_map_page
from gestalt_space.report.keyed import key_of

ENDINGS = (".png", ".svg", ".html")
MOST_ROWS = 3000
"""Rows or columns beyond which a cell would be smaller than what a page or a printer can show."""
_BARS = (("disorder_names", "disorder"), ("cohort", "cohort"))


def check_figure_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise where no figure can be written to `path`: `UsageError` for an ending that is none of
    `ENDINGS`, `OutputError` for a file that is there, or a folder that is not."""
    check_new_file(path, ENDINGS, overwrite=overwrite, option="--force")


def write_figure(matrix: CohortMatrix, path: Path | str, *, overwrite: bool = False) -> None:
    """Write the heat map as the ending of `path` says. Raises `OutputError`, and `UsageError` for a
    matrix that is too large to be looked at."""
    path = Path(path)
    check_figure_path(path, overwrite=overwrite)
    heat = heat_map_of(matrix)
    ending = path.suffix.lower()
    if ending == ".html":
        closing = (
            f"Made by gestalt-space {__version__}. A research tool, not a medical device: "
            "similarity of faces is not a diagnosis."
        )
        generator = f"gestalt-space cohort matrix {__version__}"
        data = heat_map_page(heat, generator=generator, closing=closing).encode("utf-8", "replace")
    else:
        drawing = draw_heat_map(heat)
        data = svg_file(drawing) if ending == ".svg" else png_file(drawing)
    write_atomically(path, data)


def heat_map_of(matrix: CohortMatrix) -> HeatMap:
    """The heat map of a matrix, its rows and columns in the order of their clusters."""
    if max(matrix.values.shape) > MOST_ROWS:
        raise UsageError(
            f"A heat map of {max(matrix.values.shape):,} rows cannot be read.",
            f"Choose at most {MOST_ROWS:,}, or patients in place of photos: --unit patient.",
        )
    about = matrix.about
    rows, columns = clustered_order(matrix)
    values = matrix.values[np.ix_(rows, columns)].astype(np.float64)
    if about["value"] == "rank":
        values[values < 0] = np.nan
    bars: list[Bar] = []
    for fact, title in _BARS:
        of_rows, of_columns = matrix.row_facts[fact], matrix.column_facts[fact]
        if not (of_rows != "").any() and not (of_columns != "").any():
            continue
        told = of_rows if matrix.is_within else np.concatenate([of_rows, of_columns])
        if len(np.unique(told)) < 2:
            continue
        key = key_of(told, first=sum(len(bar.key.names) for bar in bars))
        bars.append(Bar(title, key, key.groups(of_rows)[rows], key.groups(of_columns)[columns]))
    how = {None: "", "mean": ", by their mean", "nearest": ", by their nearest photos"}
    counts_of = " with ".join(
        f"{len(names):,}" for names in (matrix.rows, matrix.columns)[: 1 if matrix.is_within else 2]
    )
    title = f"{str(about['value']).capitalize()} of {counts_of} {about['unit']}s"
    title += how[about["patient_value"]]
    what = str(about["selection"])
    if about["against"] is not None:
        what += f" (rows) with {about['against']} (columns)"
    counts = f"{about['patients']:,} patients, {about['photos']:,} photos"
    order = "order: average linkage"
    if about["control_photos"] is not None:
        order = f"among {about['control_photos']:,} photos of controls; {order}"
    return HeatMap(
        values=values,
        rows=[matrix.rows[row] for row in rows],
        columns=None if matrix.is_within else [matrix.columns[column] for column in columns],
        bars=bars,
        title=title,
        notes=(
            what,
            f"Space {about['space']} ({about['fingerprint'][:12]}); {counts}; {order}",
        ),
        scale=_SCALES[about["value"]],
        is_closer_high=about["value"] == "similarity",
    )


def clustered_order(matrix: CohortMatrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of rows and of columns as the leaves of average linkage.

    Within a set by the distances themselves, ranks as the mean of both directions; between two
    sets rows are compared by the root of their mean squared difference, and columns likewise.
    """
    values = matrix.values.astype(np.float64)
    if not matrix.is_within:
        return _leaves(_between_rows(values)), _leaves(_between_rows(values.T))
    distances = 1 - values if matrix.about["value"] == "similarity" else values
    order = _leaves(np.maximum(distances + distances.T, 0) / 2)
    return order, order


def _leaves(distances: NDArray[np.float64]) -> NDArray[np.int64]:
    from scipy.cluster.hierarchy import leaves_list

    if len(distances) < 3:
        return np.arange(len(distances))
    return np.asarray(leaves_list(average_linkage(distances, ordered=True)), np.int64)


def _between_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.einsum("ij,ij->i", values, values)
    found = squares[:, None] + squares[None] - 2 * values @ values.T
    return np.asarray(np.sqrt(np.maximum(found, 0) / values.shape[1]))


_SCALES = {
    "similarity": "similarity: mean cosine, −1 to 1, higher is closer",
    "distance": "distance: 1 − similarity, 0 to 2, lower is closer",
    "rank": "rank: place in the column's pool, 0 is the closest",
}
