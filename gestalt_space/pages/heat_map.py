"""A matrix as a page with a heat map that says what is pointed at, cell by cell."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.cohort.cohort_matrix import CohortMatrix
from gestalt_space.figures.cohorts import heat_map_of, matrix_notes, matrix_title
from gestalt_space.figures.heat_map import HeatMap, heat_map_figure
from gestalt_space.figures.positions import cell_grid_of
from gestalt_space.pages.environment import ENDINGS, render
from gestalt_space.pages.pictures import Drawings

DIGITS = 3
"""Of similarities and distances. Ranks are whole numbers."""


def write_matrix_page(matrix: CohortMatrix, path: Path | str, *, overwrite: bool = False) -> None:
    """Write the page. Raises `OutputError`, and `UsageError` for an ending other than `.html` and
    for a matrix that is too large to be looked at."""
    path = Path(path)
    check_new_file(path, ENDINGS, overwrite=overwrite)
    # A name of a file need not be Unicode.
    write_atomically(path, matrix_page(matrix).encode("utf-8", "replace"))


def matrix_page(matrix: CohortMatrix) -> str:
    """The page as HTML. Raises `UsageError` for a matrix that is too large to be looked at."""
    heat = heat_map_of(matrix)
    figure = heat_map_figure(heat, "")
    rows, columns = heat.values.shape
    title = matrix_title(matrix)
    svg = Drawings().add(figure, f"{title}: a heat map of {rows:,} rows and {columns:,} columns")
    digits = 0 if matrix.about["value"] == "rank" else DIGITS
    return render(
        "heat_map.html",
        maker="gestalt-space cohort matrix",
        scripts=("pointing.js", "heat_map.js"),
        heading=title,
        notes=matrix_notes(matrix),
        svg=svg,
        data=pointed_cells(heat, figure, digits),
    )


def pointed_cells(
    heat: HeatMap, figure: Figure, digits: int, names: Sequence[str] | None = None
) -> dict[str, object]:
    """What `heat_map.js` needs of a heat map that was drawn as SVG: where its cells lie, and their
    values with so many digits. `names`: what is said of its rows, other than what is drawn."""
    cells = cell_grid_of(figure, figure.axes[0])
    is_half = heat.columns is None and np.allclose(
        heat.values, heat.values.T, rtol=0, atol=1e-6, equal_nan=True
    )
    shown = heat.values[np.tril_indices(len(heat.values))] if is_half else heat.values
    values, width = _whole(shown, digits)
    return {
        "rows": list(heat.rows if names is None else names),
        "columns": None if heat.columns is None else list(heat.columns),
        "left": cells.left,
        "top": cells.top,
        "width": cells.width,
        "height": cells.height,
        "digits": digits,
        "bytes": width,
        "half": is_half,
        "values": base64.b64encode(values).decode("ascii"),
        "empty": heat.empty,
    }


def _whole(values: NDArray[np.floating], digits: int) -> tuple[bytes, int]:
    """Values as they are written, as whole numbers, with their width in bytes; the lowest number of
    that width for NaN."""
    numbers = np.rint(np.asarray(values, np.float64) * 10**digits)
    largest = np.nanmax(np.abs(numbers), initial=0)
    kind = np.dtype("<i1" if largest < 2**7 else "<i2" if largest < 2**15 else "<i4")
    none = np.isnan(numbers)
    whole = np.where(none, 0, numbers).astype(kind)
    whole[none] = np.iinfo(kind).min
    return whole.tobytes(), kind.itemsize
