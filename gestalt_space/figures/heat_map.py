"""Matrices as heat maps, with bars of groups beside them and a tree where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gestalt_space.figures.keys import Key, draw_key, shortened, thinned
from gestalt_space.figures.style import FAINT, INCH, hue, new_figure, styled
from gestalt_space.figures.trees import draw_branches

NO_VALUE = "#808080"
LABEL = 6.0
"""Points of a row's name."""
_SMALLEST, _LARGEST, _CELL = 3.6, 7.0, 0.15
"""Inches of the longer side of the matrix, and of a cell where there is room."""
_BAR, _GAP, _TREE = 0.11, 0.03, 0.7
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


def draw_heat_map(ax: Axes, heat: HeatMap, *, keys: Axes | Literal[False] | None = None) -> Axes:
    """Draw a heat map with its bars and tree on `ax`, and return it.

    Names are thinned where there is no room for all. The colour scale and the keys of the bars
    stand on the axes `keys`, beside the map for None, and nowhere for False.
    """
    low, high = colour_range(heat.values)
    cells = np.ma.masked_invalid(heat.values)
    map_name = "viridis" if heat.is_closer_high else "viridis_r"
    with styled():
        import matplotlib as mpl

        colours = mpl.colormaps[map_name].with_extremes(bad=NO_VALUE)
        image = ax.imshow(cells, cmap=colours, vmin=low, vmax=high, aspect="auto")
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        side = _inches(ax)
        _name_rows(ax, heat, side[1])
        _name_columns(ax, heat, side[0])
        _draw_bars(ax, heat, side)
        if heat.tree is not None:
            _draw_tree(ax, heat, side)
        if keys is not False:
            _draw_keys(ax, heat, image, keys)
    return ax


def heat_map_figure(heat: HeatMap, title: str, notes: Sequence[str] = ()) -> Figure:
    """A figure of its own: the heat map, its keys, a title, and notes under it."""
    width, height = size_of(heat)
    beside = 0.4 + (_TREE if heat.tree is not None else 0)
    figure = new_figure(width + beside + 3.6, max(height, 3.2) + 1.2 + 0.14 * len(notes))
    with styled():
        left, right = figure.subplots(1, 2, width_ratios=(width, 2.1))
        right.set_axis_off()
        draw_heat_map(left, heat, keys=right)
        head = [title, *notes]
        figure.suptitle("\n".join(head[:1]), x=0.01, ha="left", fontsize=11, fontweight="bold")
        if notes:
            figure.supxlabel("\n".join(notes), x=0.01, ha="left", fontsize=7, color=FAINT)
    return figure


def size_of(heat: HeatMap) -> tuple[float, float]:
    """Width and height in inches that a matrix takes by itself."""
    most = max(heat.values.shape)
    cell = min(_LARGEST, max(_SMALLEST, most * _CELL)) / most
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
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1e-6)


def _inches(ax: Axes) -> tuple[float, float]:
    box = ax.get_window_extent()
    dpi = ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    return max(box.width / dpi, 0.1), max(box.height / dpi, 0.1)


def _name_rows(ax: Axes, heat: HeatMap, room: float) -> None:
    places = thinned(len(heat.rows), room, (LABEL + 1.5) / INCH)
    names = [shortened(heat.rows[place], _NAME) for place in places]
    ax.yaxis.tick_right()
    ax.set_yticks(list(places), names, fontsize=LABEL)
    if len(places) < len(heat.rows):
        ax.tick_params(axis="y", length=2)


def _name_columns(ax: Axes, heat: HeatMap, room: float) -> None:
    if heat.columns is None:
        ax.set_xticks([])
        return
    places = thinned(len(heat.columns), room, (LABEL + 1.5) / INCH)
    names = [shortened(heat.columns[place], _NAME) for place in places]
    ax.set_xticks(list(places), names, fontsize=LABEL, rotation=90)


def _draw_bars(ax: Axes, heat: HeatMap, side: tuple[float, float]) -> None:
    width, height = side
    count = len(heat.bars)
    for number, bar in enumerate(heat.bars):
        away = (count - number) * (_BAR + _GAP)
        left = ax.inset_axes((-away / width, 0, _BAR / width, 1))
        top = ax.inset_axes((0, 1 + (away - _BAR) / height, 1, _BAR / height))
        left.imshow(_colours(bar.row_groups)[:, None], aspect="auto")
        top.imshow(_colours(bar.column_groups)[None], aspect="auto")
        for one in (left, top):
            one.set_axis_off()
        top.text(
            1.01, 0.5, bar.key.title, transform=top.transAxes, va="center", fontsize=LABEL,
            color=FAINT,
        )  # fmt: skip


def _colours(groups: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([to_rgb(hue(int(group))) for group in groups]).reshape(-1, 3)


def _draw_tree(ax: Axes, heat: HeatMap, side: tuple[float, float]) -> None:
    assert heat.tree is not None  # noqa: S101 - whoever calls has asked
    width = side[0]
    away = len(heat.bars) * (_BAR + _GAP) + _TREE + _GAP
    tree = ax.inset_axes((-away / width, 0, _TREE / width, 1))
    draw_branches(tree, heat.tree, lies="left")
    tree.set_axis_off()


def _draw_keys(ax: Axes, heat: HeatMap, image: AxesImage, keys: Axes | None) -> None:
    figure = ax.get_figure(root=False)
    assert figure is not None  # noqa: S101 - axes that are drawn on have one
    if keys is None:
        scale = figure.colorbar(image, ax=ax, shrink=0.5, aspect=24, label=heat.unit)
        scale.outline.set_visible(False)
        for number, bar in enumerate(heat.bars):
            draw_key(ax, bar.key, loc="upper left", bbox_to_anchor=(number / len(heat.bars), -0.04))
        return
    where = keys.inset_axes((0, 0.93, 0.9, 0.025))
    scale = figure.colorbar(image, cax=where, orientation="horizontal")
    scale.outline.set_visible(False)
    scale.locator = MaxNLocator(5)
    scale.update_ticks()
    where.set_title(heat.unit, fontsize=8, fontweight="bold")
    words = "99 % of the cells lie between the ends"
    if np.isnan(heat.values).any():
        words += f"; grey: {heat.empty}"
    where.set_xlabel(words, fontsize=LABEL, color=FAINT, loc="left")
    top = 0.80
    for bar in heat.bars:
        draw_key(keys, bar.key, loc="upper left", bbox_to_anchor=(0, top))
        top -= (len(bar.key.rows) + 2.2) * 0.036
