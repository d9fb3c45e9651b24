"""Faces side by side: composites of groups, crops."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gestalt_space.cohort.composite import Composite
from gestalt_space.counts import counted_text
from gestalt_space.figures.frames import framed
from gestalt_space.figures.keys import shortened
from gestalt_space.figures.style import INK, new_figure, styled
from gestalt_space.types import Pixels

_SIDE, _LINE, _ACROSS = 1.3, 0.13, 6
_ALONE = 2.8
"""Inches of a face that has a figure of its own."""
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


def draw_composite(ax: Axes, made: Composite) -> Axes:
    """Draw an average face on `ax`, with the distance between the eyes under it as its scale, and
    return it."""
    draw_face(ax, made.pixels)
    side = made.pixels.shape[0]
    with styled():
        limits = ax.axis()
        ax.plot(made.eyes, [1.03 * side] * 2, color=INK, linewidth=0.9, marker="|", clip_on=False)
        ax.axis(limits)
        ax.text(
            float(np.mean(made.eyes)),
            1.05 * side,
            "between the eyes",
            ha="center",
            va="top",
            fontsize=7,
        )
    return ax


def composite_figure(made: Composite, title: str) -> Figure:
    """A figure of its own of an average face, with a title, its scale and of whom it is."""
    of = [
        counted_text(made.patients, "patient"),
        counted_text(made.families, "family", "families"),
        counted_text(made.photos, "photo"),
    ]
    notes = [f"Average of {of[0]} from {of[1]}, {of[2]}; each family has the same weight."]
    if made.sharpened:
        notes.append(
            "Sharpened: the fine contrasts are those of a typical face, not of the average."
        )
    return framed(_ALONE, _ALONE, lambda ax: draw_composite(ax, made), title, notes)


def _lines(title: str) -> list[str]:
    return textwrap.wrap(shortened(title, _MOST), _SIGNS)
