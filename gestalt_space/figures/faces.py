"""Faces side by side: composites of groups, crops."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gestalt_space.figures.style import new_figure, styled
from gestalt_space.paths import display_name
from gestalt_space.types import Pixels

_SIDE, _ACROSS = 1.3, 6


def draw_face(ax: Axes, pixels: Pixels, title: str = "") -> Axes:
    """Draw a face, RGB uint8 `(h, w, 3)`, on `ax`, and return it."""
    with styled():
        ax.imshow(pixels, interpolation="lanczos")
        ax.set_axis_off()
        ax.set_title(display_name(title), fontsize=7, loc="center", wrap=True)
    return ax


def faces_figure(faces: Sequence[tuple[str, Pixels]]) -> Figure:
    """A figure of its own of faces under their titles, six in a row."""
    across = max(1, min(_ACROSS, len(faces)))
    down = max(1, -(-len(faces) // across))
    figure = new_figure(across * _SIDE, down * (_SIDE + 0.3))
    with styled():
        grid = figure.subplots(down, across, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, (title, pixels) in zip(grid.flat, faces, strict=False):
            draw_face(ax, pixels, title)
    return figure
