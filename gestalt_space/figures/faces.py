"""Faces side by side: composites of groups, crops."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gestalt_space.figures.keys import shortened
from gestalt_space.figures.style import new_figure, styled
from gestalt_space.types import Pixels

_SIDE, _LINE, _ACROSS = 1.3, 0.13, 6
_SIGNS, _MOST = 21, 60
"""Of a line of a title, and of a title."""


def draw_face(ax: Axes, pixels: Pixels, title: str = "") -> Axes:
    """Draw a face, RGB uint8 `(h, w, 3)`, on `ax`, and return it."""
    with styled():
        ax.imshow(pixels, interpolation="lanczos")
        ax.set_axis_off()
        ax.set_title("\n".join(_lines(title)), fontsize=7, loc="center", pad=4)
    return ax


def faces_figure(faces: Sequence[tuple[str, Pixels]]) -> Figure:
    """A figure of its own of faces under their titles, six in a row."""
    across = max(1, min(_ACROSS, len(faces)))
    down = max(1, -(-len(faces) // across))
    lines = max((len(_lines(title)) for title, _ in faces), default=0)
    figure = new_figure(across * _SIDE, down * (_SIDE + lines * _LINE))
    with styled():
        grid = figure.subplots(down, across, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, (title, pixels) in zip(grid.flat, faces, strict=False):
            draw_face(ax, pixels, title)
    return figure


def _lines(title: str) -> list[str]:
    return textwrap.wrap(shortened(title, _MOST), _SIGNS)
