"""Figures of a page on gaze: densities of groups and models, scan paths, time courses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gestalt_space.figures.gaze import draw_density, draw_time_course
from gestalt_space.figures.style import HUES, MARKERS, new_figure, styled
from gestalt_space.gaze.report import FaceLooks, GroupLooks, ScanPath
from gestalt_space.types import Pixels

Maps = Mapping[str, NDArray[np.float64]]
_SIDE = 2.3
_LONGEST = 110.0
"""Area of the mark of a second's fixation, in square points."""


def densities_figure(maps: Maps) -> Figure:
    """Mean densities on the aligned face beside each other, each to its own maximum."""
    figure = new_figure(_SIDE * max(len(maps), 2), _SIDE + 0.3)
    with styled():
        grid = figure.subplots(1, max(len(maps), 2), squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for ax, (name, density) in zip(grid.flat, maps.items(), strict=False):
            draw_density(ax, density, name)
    return figure


def courses_figure(groups: tuple[GroupLooks, ...]) -> Figure:
    """The time course of each group, one below the other on one scale."""
    figure = new_figure(6.6, 2.7 * len(groups))
    with styled():
        rows = figure.subplots(len(groups), 1, squeeze=False, sharex=True, sharey=True)
        for ax, group in zip(rows.flat, groups, strict=True):
            draw_time_course(ax, group.summary.course.mean)
            ax.set_title(group.name, loc="left", fontsize=9)
            ax.label_outer()
    return figure


def face_figure(face: FaceLooks) -> Figure:
    """A face: the scan paths of a reader of each group, then the densities of groups and models."""
    shown = {**face.densities, **face.maps}
    figure = new_figure(_SIDE * (1 + len(shown)), _SIDE + 0.25)
    with styled():
        first, *others = figure.subplots(1, 1 + len(shown), squeeze=False)[0]
        draw_scan_paths(first, face.crop, face.paths)
        for ax, (name, density) in zip(others, shown.items(), strict=True):
            _draw_over(ax, face.crop, density, name)
    return figure


def draw_scan_paths(ax: Axes, crop: Pixels, paths: tuple[ScanPath, ...]) -> Axes:
    """Draw the ways of readers over an aligned face on `ax`, and return it. A mark is the larger
    the longer its fixation; the first one has a white edge."""
    size = len(crop)
    with styled():
        ax.imshow(_faint(crop), extent=(0, size, size, 0), interpolation="lanczos")
        for number, path in enumerate(paths):
            hue = HUES[number % len(HUES)]
            ax.plot(path.x, path.y, color=hue, linewidth=0.7)
            ax.scatter(
                path.x,
                path.y,
                s=np.maximum(6.0, _LONGEST * path.duration),
                color=hue,
                alpha=0.75,
                marker=MARKERS[number % len(MARKERS)],
                linewidths=[1.4, *([0.0] * (len(path.x) - 1))][: len(path.x)],
                edgecolors="white",
                label=path.group,
            )
        ax.set_xlim(0, size)
        ax.set_ylim(size, 0)
        ax.set_axis_off()
        ax.set_title(", ".join(path.reader for path in paths), fontsize=7, loc="left")
    return ax


def _draw_over(ax: Axes, crop: Pixels, density: NDArray[np.float64], title: str) -> None:
    """A density over the face; where nobody looked, the face is seen as it is."""
    size = len(crop)
    with styled():
        ax.imshow(_faint(crop), extent=(0, size, size, 0), interpolation="lanczos")
        top = float(np.nanmax(density)) if np.isfinite(density).any() else 0.0
        if top > 0:
            strength = np.clip(density / top, 0.0, 1.0)
            ax.imshow(
                strength,
                extent=(0, size, size, 0),
                cmap="magma_r",
                alpha=np.sqrt(strength) * 0.85,
                interpolation="bilinear",
            )
        ax.set_axis_off()
        ax.set_title(title, fontsize=7, loc="left")


def _faint(crop: Pixels) -> Pixels:
    """In grey: colours are of what is laid on it."""
    grey = crop.astype(np.float64) @ (0.299, 0.587, 0.114)
    return np.repeat(np.rint(grey)[..., None], 3, axis=2).astype(np.uint8)
