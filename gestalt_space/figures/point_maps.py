"""Maps of patients: points that lie near each other where faces are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from numpy.typing import NDArray

from gestalt_space.figures.frames import framed, renderer_of
from gestalt_space.figures.keys import Key, draw_keys, draw_legend, shortened
from gestalt_space.figures.style import (
    EMPTY,
    FAINT,
    INK,
    LINE,
    OTHER,
    PALE,
    PAPER,
    UNKNOWN,
    adopt,
    hue,
    marker,
    styled,
)

Box: TypeAlias = NDArray[np.float64]
"""Left, bottom, right and top, in pixels."""
_WIDEST = 0.45
"""Of a map's width, that a group with a name on it may take: of one that is everywhere a name would
say nothing."""
_MOST_HIDDEN = 1
"""Points of other groups that a name may hide."""
_SIDE, _BESIDE = 5.6, 0.2
"""Inches of a figure's map, and between it and its key."""
_BETWEEN = 4.0
"""Pixels between two names."""
_FEWEST = 3
_FARTHEST, _NEAR = 45.0, 15.0
"""Pixels, at 100 an inch, from a name to its group, and how many are as bad as a hidden point."""


@dataclass(frozen=True)
class PointMap:
    """Places `(p, 2)` of patients, the group `(p,)` of each by a key, and which have a ring:
    `ring_words` says why in the key."""

    places: NDArray[np.float64]
    key: Key
    groups: NDArray[np.int64]
    ringed: NDArray[np.bool_] | None = None
    ring_words: str = "placed later"


def draw_point_map(ax: Axes, of: PointMap, *, keys: bool = True) -> Axes:
    """Draw a map on `ax`, names of groups where they hide nobody, and return it. `keys`: with the
    key on its right."""
    adopt(ax)
    with styled():
        _draw_points(ax, of)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(True)
        ax.spines[:].set_color(LINE)
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.05)
        if keys:
            end = draw_keys(ax, [of.key], _BESIDE, 0, marks=True)
            if of.ringed is not None and of.ringed.any():
                words = f"{of.ring_words} ({int(of.ringed.sum()):,})"
                draw_legend(ax, [_ring(words)], _BESIDE, end - 0.15)
        _name_groups(ax, of)
    return ax


def point_map_figure(of: PointMap, title: str, note: str = "") -> Figure:
    """A figure of its own: the map, its key, a title, and a note under it."""
    return framed(_SIDE, _SIDE, lambda ax: draw_point_map(ax, of), title, [note] * bool(note))


def _draw_points(ax: Axes, of: PointMap) -> None:
    size = 26 if len(of.places) <= 150 else 14
    # The named lie over the others.
    for order, group in enumerate((UNKNOWN, OTHER, *of.key.hues)):
        rows = np.flatnonzero(of.groups == group)
        if not len(rows):
            continue
        is_named = group >= 0
        x, y = of.places[rows].T
        ax.scatter(
            x,
            y,
            s=size if is_named else size / 2,
            c=hue(group) if is_named else EMPTY if group == UNKNOWN else PALE,
            marker=marker(group),
            edgecolors=FAINT if group == UNKNOWN else PAPER,
            linewidths=0.5,
            zorder=2 + order / 100,
        )
    if of.ringed is not None and of.ringed.any():
        x, y = of.places[of.ringed].T
        ax.scatter(
            x, y, s=size * 4, facecolors="none", edgecolors=INK, linewidths=1.1,
            zorder=3,
        )  # fmt: skip


def _name_groups(ax: Axes, of: PointMap) -> None:
    """Names beside their groups, the largest first: where they hide the fewest points, and no other
    name."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes that are drawn on have one
    # Where everything lies is known when it was laid out once.
    figure.draw_without_rendering()
    at = ax.transData.transform(of.places)
    taken: list[Box] = []
    for number, name in zip(of.key.hues, of.key.names, strict=True):
        is_own = of.groups == number
        if is_own.sum() < _FEWEST:
            continue
        spread = np.ptp(np.quantile(at[is_own], (0.1, 0.9), axis=0), axis=0)
        if spread.max() > _WIDEST * ax.get_window_extent().width:
            continue
        free = [
            (_hidden(box, at) + _away(box, at[is_own]) / _NEAR, text, box)
            for text, box in _beside(ax, shortened(name, 28), at[is_own])
            if _is_free(ax, box, taken)
            and _hidden(box, at[~is_own]) <= _MOST_HIDDEN
            and _away(box, at[is_own]) < _FARTHEST
        ]
        if free:
            _, text, box = min(free, key=lambda one: one[0])
            taken.append(box + np.repeat([-_BETWEEN, _BETWEEN], 2))
            _fasten(ax, text)
            ax.add_artist(text)


def _beside(ax: Axes, name: str, theirs: NDArray[np.float64]) -> list[tuple[Annotation, Box]]:
    """A name above, below, right and left of points in pixels, of most and of all of them, with the
    boxes that it takes."""
    ends = [np.quantile(theirs, (out, 0.5, 1 - out), axis=0) for out in (0.1, 0.0)]
    renderer, figure = renderer_of(ax), ax.get_figure(root=False)
    assert figure is not None  # noqa: S101
    found = []
    places = [
        place
        for low, middle, high in ends
        for place in (
            (middle[0], high[1], "center", "bottom"),
            (middle[0], low[1], "center", "top"),
            (high[0], middle[1], "left", "center"),
            (low[0], middle[1], "right", "center"),
        )
    ]
    for x, y, across, up in places:
        away = ({"left": 5, "right": -5}.get(across, 0), {"bottom": 5, "top": -5}.get(up, 0))
        text = Annotation(
            name, (x, y), xytext=away, xycoords="figure pixels", textcoords="offset points",
            ha=across, va=up, fontsize=7, fontweight="bold", color=INK, zorder=4,
            annotation_clip=False,
        )  # fmt: skip
        text.set_figure(figure)
        extent = text.get_window_extent(renderer)
        found.append((text, np.array([extent.x0, extent.y0, extent.x1, extent.y1])))
    return found


def _is_free(ax: Axes, box: Box, taken: Sequence[Box]) -> bool:
    frame = ax.get_window_extent()
    is_inside = frame.x0 < box[0] and box[2] < frame.x1 and frame.y0 < box[1] and box[3] < frame.y1
    return is_inside and not any(_meet(box, other) for other in taken)


def _fasten(ax: Axes, text: Annotation) -> None:
    """Let a name go with the points, whatever size the axes get."""
    text.xy = tuple(ax.transData.inverted().transform(text.xy))
    text.xycoords = "data"


def _hidden(box: Box, at: NDArray[np.float64]) -> int:
    inside = (at > box[:2] - 3) & (at < box[2:] + 3)
    return int(np.count_nonzero(inside.all(axis=1)))


def _away(box: Box, at: NDArray[np.float64]) -> float:
    """From a name to the third nearest of its points, so that it is not alone with one that
    strayed."""
    nearest = np.clip(at, box[:2], box[2:])
    return float(np.sort(np.linalg.norm(at - nearest, axis=1))[:_FEWEST][-1])


def _meet(one: Box, other: Box) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())


def _ring(words: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="o", markersize=8, markerfacecolor="none",
        markeredgecolor=INK, label=words,
    )  # fmt: skip
