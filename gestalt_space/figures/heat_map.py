"""Matrices as heat maps, with bars of groups beside them and a tree where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray

from gestalt_space.figures.frames import framed, inches_from, inches_of
from gestalt_space.figures.keys import Key, draw_keys, shortened, thinned, width_of
from gestalt_space.figures.strips import draw_strip
from gestalt_space.figures.style import FAINT, INCH, adopt, hue, styled
from gestalt_space.figures.trees import draw_branches

NO_VALUE = "#808080"
LABEL = 6.0
"""Points of a row's name."""
_SMALLEST, _LARGEST, _CELL = 3.6, 7.0, 0.15
"""Inches of the longer side of the matrix, and of a cell where there is room."""
_PIXEL = 1 / 200
_NARROWEST = 0.01
"""Between the ends of the colour scale, where all values are alike."""
_BAR, _GAP, _TREE = 0.11, 0.03, 0.7
_SCALE, _SCALE_HEIGHT = 1.7, 0.11
_NAME = 30


@dataclass(frozen=True)
class Bar:
    """A coloured bar on two sides of a matrix: the hue of each row `(n,)` and column `(m,)`."""

    key: Key
    row_groups: NDArray[np.int64]
    column_groups: NDArray[np.int64]


@dataclass(frozen=True)
class HeatMap:
    """Values `(n, m)`, NaN where there is none, with the names of rows and columns as drawn.

    `columns` is None where they are the rows. `unit`: what the values are, for the colour scale.
    `is_closer_high`: bright cells are high ones, else low. `tree` `(n − 1, 4)`: SciPy's linkage, of
    which the rows are the leaves in order. `empty`: why a cell has no value.
    """

    values: NDArray[np.floating]
    rows: Sequence[str]
    columns: Sequence[str] | None
    bars: Sequence[Bar]
    unit: str
    is_closer_high: bool = True
    tree: NDArray[np.float64] | None = None
    empty: str = "no value"


def draw_heat_map(ax: Axes, heat: HeatMap, *, keys: bool = True) -> Axes:
    """Draw a heat map with its bars and tree on `ax`, and return it. `keys`: with the colour scale
    and the keys of the bars on its right. Names are thinned where there is no room for all."""
    low, high = colour_range(heat.values)
    cells = np.ma.masked_invalid(heat.values)
    adopt(ax)
    with styled():
        colours = mpl.colormaps["viridis" if heat.is_closer_high else "viridis_r"]
        # Not interpolated, a file holds the matrix as a picture of a pixel for each cell.
        image = ax.imshow(
            cells, cmap=colours.with_extremes(bad=NO_VALUE), vmin=low, vmax=high, aspect="auto",
            interpolation="none", interpolation_stage="rgba",
        )  # fmt: skip
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        _name_rows(ax, heat)
        _name_columns(ax, heat)
        _draw_bars(ax, heat)
        if heat.tree is not None:
            _draw_tree(ax, heat.tree, len(heat.bars))
        if keys:
            _draw_keys(ax, heat, image)
    return ax


def heat_map_figure(heat: HeatMap, title: str, notes: Sequence[str] = ()) -> Figure:
    """A figure of its own: the heat map, its keys, a title, and notes under it."""
    return framed(*size_of(heat), lambda ax: draw_heat_map(ax, heat), title, notes)


def size_of(heat: HeatMap) -> tuple[float, float]:
    """Width and height in inches that a matrix takes by itself: a cell has whole pixels, 200 of
    which are an inch."""
    most = max(heat.values.shape)
    cell = min(_LARGEST, max(_SMALLEST, most * _CELL)) / most
    cell = max(1, round(cell / _PIXEL)) * _PIXEL
    rows, columns = heat.values.shape
    return columns * cell, rows * cell


def colour_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Between which values colours change: 99 % of the cells, without the diagonal of a square."""
    shown = np.array(values, np.float64)
    if shown.shape[0] == shown.shape[1] and len(shown) > 1:
        np.fill_diagonal(shown, np.nan)
    if np.isnan(shown).all():
        return 0.0, 1.0
    low, high = np.nanpercentile(shown, [0.5, 99.5])
    return float(low), max(float(high), float(low) + _NARROWEST)


def _name_rows(ax: Axes, heat: HeatMap) -> None:
    places = thinned(len(heat.rows), inches_of(ax)[1], (LABEL + 1.5) / INCH)
    names = [shortened(heat.rows[place], _NAME) for place in places]
    if not any(names):
        ax.set_yticks([])
        return
    ax.yaxis.tick_right()
    ax.set_yticks(list(places), names, fontsize=LABEL)
    if len(places) < len(heat.rows):
        ax.tick_params(axis="y", length=2)


def _name_columns(ax: Axes, heat: HeatMap) -> None:
    if heat.columns is None or not any(heat.columns):
        ax.set_xticks([])
        return
    places = thinned(len(heat.columns), inches_of(ax)[0], (LABEL + 1.5) / INCH)
    names = [shortened(heat.columns[place], _NAME) for place in places]
    ax.set_xticks(list(places), names, fontsize=LABEL, rotation=90)
    if len(places) < len(heat.columns):
        ax.tick_params(axis="x", length=2)


def _draw_bars(ax: Axes, heat: HeatMap) -> None:
    beside = blended_transform_factory(inches_from(ax, 0, 0), ax.transAxes)
    above = blended_transform_factory(ax.transAxes, inches_from(ax, 0, 1))
    for number, bar in enumerate(heat.bars):
        away = (len(heat.bars) - number) * (_BAR + _GAP)
        rows, columns = (
            [hue(group) for group in of.tolist()] for of in (bar.row_groups, bar.column_groups)
        )
        draw_strip(ax, rows, (-away, 0, _BAR, 1), beside, lies="down")
        draw_strip(ax, columns, (0, away - _BAR, 1, _BAR), above, lies="across")
        ax.annotate(
            bar.key.title, (1, 1), xytext=(4, (away - _BAR / 2) * INCH), xycoords="axes fraction",
            textcoords="offset points", va="center", fontsize=LABEL, color=FAINT,
            annotation_clip=False,
        )  # fmt: skip


def _draw_tree(ax: Axes, linkage: NDArray[np.float64], bars: int) -> None:
    away = bars * (_BAR + _GAP) + _GAP + _TREE
    beside = blended_transform_factory(inches_from(ax, 0, 0), ax.transAxes)
    tree = ax.inset_axes((-away, 0, _TREE, 1), transform=beside, xticks=[], yticks=[])
    draw_branches(tree, linkage, lies="left")
    tree.set_axis_off()


def _draw_keys(ax: Axes, heat: HeatMap, image: AxesImage) -> None:
    figure = ax.get_figure(root=False)
    assert figure is not None  # noqa: S101 - axes that are drawn on have one
    written = [label.get_text() for label in ax.get_yticklabels()]
    named = [bar.key.title for bar in heat.bars]
    left = width_of(ax, [*written, *named], LABEL) + 0.3
    corner = inches_from(ax, 1, 1)
    title = ax.annotate(
        heat.unit, (1, 1), xytext=(left * INCH, 0), xycoords="axes fraction",
        textcoords="offset points", va="top", fontsize=8, fontweight="bold", annotation_clip=False,
    )  # fmt: skip
    title.set_clip_on(False)
    where = ax.inset_axes((left, -0.17 - _SCALE_HEIGHT, _SCALE, _SCALE_HEIGHT), transform=corner)
    scale = figure.colorbar(image, cax=where, orientation="horizontal")
    scale.outline.set_visible(False)
    scale.locator = MaxNLocator(5, integer=_is_whole(heat.values))
    scale.update_ticks()
    words = "99 % of the cells are between the ends"
    if np.isnan(heat.values).any():
        words += f"\ngrey: {heat.empty}"
    where.set_xlabel(words, fontsize=LABEL, color=FAINT, loc="left")
    draw_keys(ax, [bar.key for bar in heat.bars], left, -0.9)


def _is_whole(values: NDArray[np.floating]) -> bool:
    return bool(np.nanmax(values, initial=0) > 2)
