"""Figures of arrays as inline SVG: heat maps and maps of points. They know nothing of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.html import Markup, element, join, png_uri
from gestalt_space.types import Pixels

SIDE = 520
"""Side of a figure in its own units."""
_MARGIN = 44
_RAMP = np.array(
    [
        *((68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142)),
        *((31, 158, 137), (53, 183, 121), (109, 205, 89), (180, 222, 44), (253, 231, 37)),
    ],
    dtype=np.float64,
)
"""The colours of viridis (Smith and van der Walt 2015) at even steps: lightness rises evenly."""
COLOURS = (
    *("#3b78c3", "#e07b28", "#2f9e58", "#cf4a4a", "#8a63c7"),
    *("#9a6a4f", "#d765ac", "#7d8b21", "#1fa3b5", "#c29a16"),
)
"""Of the groups on a map; told apart on light and dark paper. Shapes differ, too."""
_SHAPES = ("circle", "square", "triangle", "diamond", "cross")


@dataclass(frozen=True, slots=True)
class Run:
    """Rows of a matrix that belong together, one after the other: their name, and how many."""

    name: str
    count: int


def colours_of(values: NDArray[np.floating], low: float, high: float) -> Pixels:
    """Each value as a colour, `(…, 3)` uint8: dark at `low` and below, bright at `high` and above.

    What is not a number is grey.
    """
    span = max(high - low, np.finfo(np.float64).tiny)
    places = np.clip((np.asarray(values, np.float64) - low) / span, 0, 1)
    steps = np.nan_to_num(places) * (len(_RAMP) - 1)
    channels = [np.interp(steps, np.arange(len(_RAMP)), channel) for channel in _RAMP.T]
    pixels: Pixels = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    pixels[np.isnan(places)] = 128
    return pixels


def heat_map(
    matrix: NDArray[np.floating], runs: Sequence[Run], *, low: float, high: float, alt: str
) -> Markup:
    """A square matrix `(n, n)` as a picture, with the names of its runs along two sides.

    Below `low` and above `high` colours do not change. `alt`: what it shows, in words.
    """
    count = len(matrix)
    if matrix.shape != (count, count) or sum(run.count for run in runs) != count:
        raise ValueError(f"{sum(run.count for run in runs)} rows are named of {matrix.shape}")
    cell = SIDE / count
    edges = np.cumsum([0, *(run.count for run in runs)]) * cell
    whole = SIDE + _MARGIN
    parts = [
        element(
            "image",
            href=png_uri(colours_of(matrix, low, high)),
            x=_MARGIN,
            y=_MARGIN,
            width=SIDE,
            height=SIDE,
            preserveAspectRatio="none",
        )
    ]
    for edge in edges[1:-1]:
        at = round(_MARGIN + float(edge), 2)
        parts += [
            element("line", x1=at, x2=at, y1=_MARGIN, y2=whole, class_="gap"),
            element("line", x1=_MARGIN, x2=whole, y1=at, y2=at, class_="gap"),
        ]
    for run, start, stop in zip(runs, edges[:-1], edges[1:], strict=True):
        middle = round(_MARGIN + float(start + stop) / 2, 2)
        near = _MARGIN - 6
        parts += [
            _text(run.name, near, middle, anchor="end", baseline="central"),
            _text(run.name, middle, near, anchor="middle"),
        ]
    return _plot(whole, parts, alt)


def colour_scale(low: float, high: float, what: str) -> Markup:
    """The key of a heat map: its colours from `low` to `high`, and what they stand for."""
    ramp = np.linspace(0, 1, 160)[None].repeat(8, axis=0)
    return element(
        "div",
        element("span", _number(low)),
        element("img", src=png_uri(colours_of(ramp, 0, 1)), alt="dark to bright"),
        element("span", f"{_number(high)} {what}"),
        class_="scale",
    )


def point_map(
    places: NDArray[np.floating],
    groups: Sequence[int | None],
    titles: Sequence[str],
    *,
    marked: Sequence[int] = (),
    alt: str,
) -> Markup:
    """Points `(n, 2)` on a map, shown on hover by their titles.

    `groups`: number of each point's colour, 0 to 9; None is grey. `marked`: rows with a ring.
    """
    centred = np.asarray(places, np.float64) - np.mean([places.min(0), places.max(0)], axis=0)
    reach = max(float(np.abs(centred).max()), 1e-9)
    at = SIDE / 2 + centred / reach * (SIDE / 2 - 16)
    # Grey points first, marked ones last, so that what matters lies on top.
    order = sorted(range(len(at)), key=lambda row: (row in marked, groups[row] is not None, row))
    parts = [
        element("rect", x=0.5, y=0.5, width=SIDE - 1, height=SIDE - 1, rx=6, class_="frame"),
        *(
            element(
                "g",
                element("title", titles[row]),
                _point(groups[row], *at[row]),
                *[_ring(*at[row])] * (row in marked),
            )
            for row in order
        ),
    ]
    return _plot(SIDE, parts, alt)


def map_key(names: Sequence[str], *, others: str = "", marked: str = "") -> Markup:
    """The key of a map: a name for each group from 0 on, for the grey points, and for the ring."""
    entries = [(_point(group, 7, 7), name) for group, name in enumerate(names)]
    if others:
        entries.append((_point(None, 7, 7), others))
    if marked:
        entries.append((element("circle", cx=7, cy=7, r=5.5, class_="ring"), marked))
    frame = {"viewBox": "0 0 14 14", "class_": "plot", "aria_hidden": "true"}
    items = [element("li", element("svg", sign, **frame), name) for sign, name in entries]
    return element("ul", *items, class_="key")


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _plot(side: float, parts: Sequence[Markup], alt: str) -> Markup:
    return element(
        "svg",
        join(*parts),
        viewBox=f"0 0 {side} {side}",
        role="img",
        aria_label=alt,
        class_="plot",
    )


def _text(text: str, x: float, y: float, *, anchor: str, baseline: str | None = None) -> Markup:
    return element(
        "text", text, x=x, y=y, text_anchor=anchor, dominant_baseline=baseline, font_size=13
    )


def _point(group: int | None, x: float, y: float) -> Markup:
    if group is None:
        return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, class_="other")
    colour = COLOURS[group % len(COLOURS)]
    shape = _SHAPES[group % len(_SHAPES)]
    if shape == "circle":
        return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.6, fill=colour)
    outline = {
        "square": "M-4.1-4.1h8.2v8.2h-8.2z",
        "triangle": "M0-5.4 5.2 4.2H-5.2z",
        "diamond": "M0-5.7 5.7 0 0 5.7-5.7 0z",
        "cross": "M-1.9-5.2h3.8v3.3h3.3v3.8H1.9v3.3h-3.8V1.9h-3.3v-3.8h3.3z",
    }[shape]
    return element("path", d=outline, transform=f"translate({x:.1f} {y:.1f})", fill=colour)


def _ring(x: float, y: float) -> Markup:
    return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=9, class_="ring")
