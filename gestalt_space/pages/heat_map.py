"""A heat map as a page that says what is pointed at, cell by cell."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.figures.heat_map import HeatMap, heat_map_figure
from gestalt_space.figures.positions import cells_of
from gestalt_space.pages.environment import render
from gestalt_space.pages.pictures import Drawings

DIGITS = 3
"""Of similarities and distances. Ranks are whole numbers."""


def heat_map_page(heat: HeatMap, title: str, notes: Sequence[str] = ()) -> str:
    """The page as HTML. `notes`: lines under the title."""
    figure = heat_map_figure(heat, "")
    rows, columns = heat.values.shape
    alt = f"{title}: a heat map of {rows:,} rows and {columns:,} columns"
    svg = Drawings().add(figure, alt)
    cells = cells_of(figure, figure.axes[0])
    digits = 0 if np.nanmax(heat.values, initial=0) > 2 else DIGITS
    values, width = _whole(heat.values, digits)
    return render(
        "heat_map.html",
        maker="gestalt-space cohort matrix",
        scripts=("pointing.js", "heat_map.js"),
        heading=title,
        notes=notes,
        svg=svg,
        data={
            "rows": list(heat.rows),
            "columns": None if heat.columns is None else list(heat.columns),
            "left": round(cells.left, 3),
            "top": round(cells.top, 3),
            "width": cells.width,
            "height": cells.height,
            "digits": digits,
            "bytes": width,
            "values": base64.b64encode(values).decode("ascii"),
            "empty": heat.empty,
        },
    )


def _whole(values: NDArray[np.floating], digits: int) -> tuple[bytes, int]:
    """Values as they are written, as whole numbers, with their width in bytes; the lowest number of
    that width for NaN."""
    numbers = np.rint(np.asarray(values, np.float64) * 10**digits)
    kind = np.dtype("<i2" if np.nanmax(np.abs(numbers), initial=0) < 2**15 else "<i4")
    none = np.isnan(numbers)
    whole = np.where(none, 0, numbers).astype(kind)
    whole[none] = np.iinfo(kind).min
    return whole.tobytes(), kind.itemsize
