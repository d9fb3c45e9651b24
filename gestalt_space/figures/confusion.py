"""Which disorder is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gestalt_space.figures.frames import framed, inches_of
from gestalt_space.figures.keys import shortened, thinned
from gestalt_space.figures.style import INCH, INK, adopt, styled

BLUE, WHITE = "#0b62a8", "#ffffff"
"""A whole row in one cell, and the numbers of cells with most of a row."""
_FAINTEST, _LIGHTEST, _DARKEST = 0.12, 0.62, 0.86
"""How much of the blue is on cells with the smallest share, with half of a row, and with more: in
between no number would be legible. What is below shows through, the light or dark paper of a page.
"""
_LABEL = 6.0
_MOST_NUMBERS = 20
_CELL, _SMALLEST, _LARGEST = 0.28, 1.6, 6.0
"""Inches of a cell, and of a figure's matrix."""


def draw_confusion(
    ax: Axes,
    counts: NDArray[np.int64],
    names: Sequence[str],
    *,
    columns: Sequence[str] = (),
    rows_are: str = "true disorder",
) -> Axes:
    """Draw counts `(n, m)` of cases by their true disorder, the rows, and the one at rank 1, the
    columns, on `ax`, and return it. Hues are shares of a row. `columns`: the names of the columns;
    those of the rows for none."""
    adopt(ax)
    with styled():
        totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        cells = np.empty((*counts.shape, 4))
        cells[..., :3] = to_rgb(BLUE)
        cells[..., 3] = strength(counts / totals)
        ax.imshow(cells, aspect="auto", interpolation="none")
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        width, height = inches_of(ax)
        line = (_LABEL + 1.5) / INCH
        rows = thinned(len(names), height, line)
        ax.set_yticks(list(rows), [shortened(names[place], 32) for place in rows], fontsize=_LABEL)
        across = columns or names
        places = thinned(len(across), width, line)
        words = [shortened(across[place], 32) for place in places]
        ax.set_xticks(list(places), words, fontsize=_LABEL, rotation=90)
        ax.set(xlabel="at rank 1", ylabel=rows_are)
        if max(counts.shape) <= _MOST_NUMBERS:
            for (row, column), count in np.ndenumerate(counts):
                if count:
                    colour = WHITE if count > totals[row, 0] / 2 else INK
                    ax.text(
                        column, row, f"{count:,}", ha="center", va="center", fontsize=_LABEL,
                        color=colour,
                    )  # fmt: skip
    return ax


def strength(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of the blue, 0..1, is on cells with some shares of their rows, of any shape."""
    few = _FAINTEST + 2 * (_LIGHTEST - _FAINTEST) * shares
    most = _DARKEST + 2 * (1 - _DARKEST) * (shares - 0.5)
    return np.where(shares > 0.5, most, np.where(shares > 0, few, 0.0))


def confusion_figure(
    counts: NDArray[np.int64],
    names: Sequence[str],
    *,
    columns: Sequence[str] = (),
    rows_are: str = "true disorder",
    title: str = "",
    note: str = "",
) -> Figure:
    """A figure of its own of counts `(n, m)`."""
    height, width = (min(_LARGEST, max(_SMALLEST, _CELL * one)) for one in counts.shape)
    return framed(
        width,
        height,
        lambda ax: draw_confusion(ax, counts, names, columns=columns, rows_are=rows_are),
        title,
        [note] * bool(note),
    )
