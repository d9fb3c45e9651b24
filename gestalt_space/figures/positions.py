"""Where things lie in a figure's SVG, so that a page can tell what is under the pointer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gestalt_space.figures.style import INCH


@dataclass(frozen=True, slots=True)
class CellGrid:
    """The upper left corner of a matrix in its figure's SVG, and the size of a cell, in the units
    of the SVG's `viewBox`, y downwards."""

    left: float
    top: float
    width: float
    height: float


def cell_grid_of(figure: Figure, ax: Axes) -> CellGrid:
    """Where the cells of the heat map on `ax` lie. The figure must have been rendered before: only
    then its parts have their places."""
    (left, top), (right, bottom) = points_of(figure, ax, np.array([[-0.5, -0.5], [0.5, 0.5]]))
    return CellGrid(float(left), float(top), float(right - left), float(bottom - top))


def points_of(figure: Figure, ax: Axes, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where points `(p, 2)` in the coordinates of `ax` lie in the figure's SVG, `(p, 2)`, y
    downwards. The figure must have been rendered before."""
    pixels = ax.transData.transform(places)
    pixels[:, 1] = figure.bbox.height - pixels[:, 1]
    return np.asarray(pixels * (INCH / figure.dpi))
