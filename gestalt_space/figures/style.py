"""How all figures look, and the hues and marks by which groups are told apart.

Hues are those of Okabe and Ito (2008, jfly.uni-koeln.de/color), which differ with any of the usual
kinds of colour vision, and more of that kind; marks and dashes differ, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from typing import Any

from matplotlib import rcParams, style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gestalt_space.figures.fonts import of_any_weight, usual

INK, FAINT, PALE, EMPTY, PAPER, LINE = (
    *("#1d2327", "#5d676e", "#b9c0c4", "#eceff0"),
    *("#fcfcfa", "#dcdfe0"),
)
HUES = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a07800"),
    *("#56b4e9", "#5b3a8c", "#e69f00", "#444444", "#8fbf3f"),
)
TURNS = ("#8d989e", "#dfe4e6")
"""The shades of neighbouring clusters, in turns."""
MARKERS = ("o", "s", "^", "D", "P")
DASHES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "solid",
    *((0.0, dashes) for dashes in ((5.0, 2.0), (1.5, 2.0), (6.0, 2.0, 1.5, 2.0), (9.0, 3.0))),
)
OTHER, UNKNOWN = -1, -2
"""Groups without a hue of their own: those beyond the largest, and what is not known."""
INCH = 72.0
"""Points of an inch, which sizes of text are in."""


@contextmanager
def styled() -> Iterator[None]:
    """The style of this package, for what is drawn meanwhile, with the fonts of this machine."""
    with (
        as_file(files(__package__) / "gestalt.mplstyle") as path,
        style.context([path, {"font.family": [*usual(), "sans-serif"]}]),
        warnings.catch_warnings(),
        of_any_weight(),
    ):
        # Told where the figure is written.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure in this package's style, `width` and `height` in inches. It belongs to no
    window, and to nobody else."""
    with styled():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure


def adopt(ax: Axes) -> None:
    """Give axes, whoever made them, the lines and the sizes of text of this style."""
    with styled():
        of: dict[str, Any] = dict(rcParams.items())
    for name, axis in (("xtick", ax.xaxis), ("ytick", ax.yaxis)):
        axis.set_tick_params(
            labelsize=of[f"{name}.labelsize"],
            labelcolor=of[f"{name}.labelcolor"],
            labelfontfamily=of["font.family"],
            grid_color=of["grid.color"],
            grid_linewidth=of["grid.linewidth"],
            color=of[f"{name}.color"],
            width=of[f"{name}.major.width"],
            size=of[f"{name}.major.size"],
        )
        axis.label.set(
            fontsize=of["axes.labelsize"],
            color=of["axes.labelcolor"],
            fontfamily=of["font.family"],
        )
    for side in ("left", "bottom", "top", "right"):
        ax.spines[side].set(color=of["axes.edgecolor"], linewidth=of["axes.linewidth"])
        ax.spines[side].set_visible(of[f"axes.spines.{side}"])
    ax.set_axisbelow(True)


def hue(group: int) -> str:
    """The colour of a group."""
    if group >= 0:
        return HUES[group % len(HUES)]
    return PALE if group == OTHER else EMPTY


def marker(group: int) -> str:
    """The mark of a group: of two groups of one hue, as of ten and twenty, another."""
    if group < 0:
        return "o"
    return MARKERS[(group + group // len(HUES)) % len(MARKERS)]
