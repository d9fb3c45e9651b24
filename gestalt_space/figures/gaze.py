"""Gaze on faces: where media were taken to stand, and where and when readers looked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from gestalt_space.faces.regions import OUTLINES
from gestalt_space.figures.style import DASHES, HUES, INK, adopt, new_figure, styled
from gestalt_space.gaze.areas import AREAS
from gestalt_space.gaze.when import BIN
from gestalt_space.paths import display_name
from gestalt_space.types import Pixels

MOST = 12
"""Photos of an overlay picture."""
_ACROSS, _SIDE = 4, 2.4
_EDGE = 0.25
"""How much is shown around a photo, of its larger side."""
_FIXATION, _OUTLINE = HUES[1], HUES[5]


@dataclass(frozen=True)
class Overlay:
    """A photo, and what is laid on it in its own pixels, the first one from 0 to 1. `x`, `y` `(n,)`
    are of fixations, also off the photo; `outlines`: corners `(n, 2)` of areas."""

    title: str
    pixels: Pixels
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    outlines: Sequence[NDArray[np.float64]]


def overlay_figure(overlays: Sequence[Overlay]) -> Figure:
    """Photos with the fixations and areas on them, four in a row: fixations that do not lie on
    faces show a wrong placement."""
    shown = overlays[:MOST]
    down = max(1, -(-len(shown) // _ACROSS))
    across = max(1, min(_ACROSS, len(shown)))
    figure = new_figure(across * _SIDE, down * _SIDE)
    with styled():
        grid = figure.subplots(down, across, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, one in zip(grid.flat, shown, strict=False):
            draw_overlay(ax, one)
    return figure


def draw_overlay(ax: Axes, one: Overlay) -> Axes:
    """Draw a photo with what is laid on it on `ax`, and return it."""
    height, width = one.pixels.shape[:2]
    edge = _EDGE * max(height, width)
    with styled():
        ax.imshow(one.pixels, extent=(0, width, height, 0), interpolation="lanczos")
        ax.plot([0, width, width, 0, 0], [0, 0, height, height, 0], color=INK, linewidth=0.8)
        for outline in one.outlines:
            closed = np.vstack([outline, outline[:1]])
            ax.plot(closed[:, 0], closed[:, 1], color=_OUTLINE, linewidth=0.8)
        ax.scatter(
            one.x, one.y, s=9, color=_FIXATION, alpha=0.8, linewidths=0.3, edgecolors="white"
        )
        ax.set_xlim(-edge, width + edge)
        ax.set_ylim(height + edge, -edge)
        ax.set_aspect("equal")
        ax.set_title(display_name(one.title), fontsize=7)
    return ax


def draw_density(ax: Axes, density: NDArray[np.float64], title: str = "") -> Axes:
    """Draw a density on the aligned face with the outlines of the areas on `ax`, and return it."""
    size = len(density)
    with styled():
        ax.imshow(density, extent=(0, size, size, 0), cmap="magma_r", interpolation="bilinear")
        for outlines in OUTLINES.values():
            for outline in outlines:
                corners = np.array([*outline, outline[0]])
                ax.plot(corners[:, 0], corners[:, 1], color=INK, linewidth=0.6)
        ax.set_xlim(0, size)
        ax.set_ylim(size, 0)
        ax.set_axis_off()
        ax.set_title(title, fontsize=9, loc="left")
    return ax


def draw_time_course(ax: Axes, course: NDArray[np.float64]) -> Axes:
    """Draw the shares `(bins, areas)` of each bin that areas were looked at on `ax`, and return it.
    Areas that are never looked at for a twentieth of a bin are not drawn."""
    adopt(ax)
    times = (np.arange(len(course)) + 0.5) * BIN
    with styled():
        for number, area in enumerate(AREAS):
            if np.nanmax(course[:, number], initial=0.0) >= 0.05:
                ax.plot(
                    times,
                    course[:, number],
                    color=HUES[number % len(HUES)],
                    linestyle=DASHES[number % len(DASHES)],
                    label=area,
                )
        ax.set(xlabel="seconds", ylabel="share of the time", ylim=(0, None), xlim=(0, None))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        ax.legend(fontsize=7, ncols=2, handlelength=3.5)
    return ax


def areas_figure(density: NDArray[np.float64], course: NDArray[np.float64], title: str) -> Figure:
    """A figure of its own: the density on the aligned face, and the time course."""
    figure = new_figure(7.2, 3.2)
    with styled():
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
        draw_density(left, density, title)
        draw_time_course(right, course)
    return figure
