"""Charts of figures with intervals as inline SVG: bars, dots and curves.

Series are told apart by colour and by the pattern of their lines or the shape of their marks, so
that they can be read without colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.html import Markup, element, join

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")
"""Told apart with any of the usual kinds of colour vision (after Okabe and Ito 2008), on light and
dark paper."""
DASHES = (None, "7 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2")
_SIDE, _LEFT, _BOTTOM = 360, 46, 40
_CURVE_POINTS = 200
_WIDTH, _NAMES, _END = 640, 160, 112
_ROW = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A share 0..1 with the ends of its interval. `name` stands before it; `note`, behind it, may
    say of how many it is; a `faint` one is not to be read."""

    name: str
    value: float
    low: float
    high: float
    note: str = ""
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A curve through points, x and y 0..1, from the first to the last."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def bar_chart(groups: Sequence[tuple[str, Sequence[Bar]]], *, alt: str) -> Markup:
    """Bars with intervals under headings, the bars of each group in the order of the colours."""
    return _rows(groups, alt, dots=False)


def dot_chart(groups: Sequence[tuple[str, Sequence[Bar]]], *, alt: str) -> Markup:
    """Dots with intervals under headings: one series, all of one colour."""
    return _rows(groups, alt, dots=True)


def curve_chart(lines: Sequence[Line], *, x: str, y: str, alt: str) -> Markup:
    """Curves in a square from 0 to 1, with the diagonal of chance."""
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        across, up = _LEFT + tick * _SIDE, 10 + (1 - tick) * _SIDE
        parts += [
            _rule(across, across, 10, 10 + _SIDE),
            _rule(_LEFT, _LEFT + _SIDE, up, up),
            _label(f"{tick:g}", across, 10 + _SIDE + 17, anchor="middle"),
            _label(f"{tick:g}", _LEFT - 7, up + 4, anchor="end"),
        ]
    parts += [
        _label(x, _LEFT + _SIDE / 2, 10 + _SIDE + 35, anchor="middle"),
        element(
            "text",
            y,
            transform=f"translate(12 {10 + _SIDE / 2}) rotate(-90)",
            text_anchor="middle",
            font_size=12,
        ),
        element(
            "line",
            x1=_LEFT,
            y1=10 + _SIDE,
            x2=_LEFT + _SIDE,
            y2=10,
            stroke="currentColor",
            stroke_opacity=0.35,
            stroke_dasharray="3 4",
        ),
    ]
    parts += [_curve(number, line) for number, line in enumerate(lines)]
    return _plot(_LEFT + _SIDE + 12, _SIDE + 10 + _BOTTOM + 2, parts, alt)


def line_key(names: Sequence[str]) -> Markup:
    """The key of curves, in their order."""
    frame = {"viewBox": "0 0 34 14", "class_": "sample", "aria_hidden": "true"}
    items = []
    for number, name in enumerate(names):
        stroke = element("line", x1=1, x2=33, y1=7, y2=7, **_stroke(number))
        items.append(element("li", element("svg", stroke, **frame), name))
    return element("ul", *items, class_="key")


def _curve(number: int, line: Line) -> Markup:
    points = _thinned(line)
    places = " ".join(
        f"{_LEFT + across * _SIDE:.1f},{10 + (1 - up) * _SIDE:.1f}" for across, up in points
    )
    drawn = element("polyline", points=places, fill="none", **_stroke(number))
    return element("g", element("title", line.name), drawn)


def _thinned(line: Line) -> NDArray[np.float64]:
    """The points of a curve, no more of them than can be told apart, with both ends."""
    points = np.column_stack([line.x, line.y])
    places = np.rint(points * _CURVE_POINTS)
    kept = np.concatenate([[True], np.any(places[1:] != places[:-1], axis=1)])
    kept[-1] = True
    return np.asarray(points[kept])


def _rows(groups: Sequence[tuple[str, Sequence[Bar]]], alt: str, *, dots: bool) -> Markup:
    parts: list[Markup] = []
    span = _WIDTH - _NAMES - _END
    top = 6.0
    height = top + sum(26 + _ROW * len(bars) for _, bars in groups)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        at = _NAMES + tick * span
        parts += [
            _rule(at, at, top, height),
            _label(f"{100 * tick:g} %", at, height + 16, anchor="middle"),
        ]
    for title, bars in groups:
        parts.append(_label(title, 0, top + 17, bold=True))
        top += 26
        for number, bar in enumerate(bars):
            parts.append(_row(bar, number, top + _ROW / 2, span, dots=dots))
            top += _ROW
    return _plot(_WIDTH, height + 22, parts, alt)


def _row(bar: Bar, number: int, middle: float, span: float, *, dots: bool) -> Markup:
    start, at, low, high = (
        _NAMES + min(1.0, max(0.0, share)) * span for share in (0, bar.value, bar.low, bar.high)
    )
    colour = COLOURS[0 if dots else number % len(COLOURS)]
    text = f"{100 * bar.value:.0f} %" + (f", {bar.note}" if bar.note else "")
    mark = (
        element("circle", cx=_at(at), cy=_at(middle), r=5, fill=colour)
        if dots
        else element(
            "rect", x=start, y=_at(middle - 7), width=_at(at - start), height=14, fill=colour
        )
    )
    ends = [
        element("line", x1=_at(place), x2=_at(place), y1=_at(middle - 4), y2=_at(middle + 4))
        for place in (low, high)
    ]
    whiskers = element(
        "g",
        element("line", x1=_at(low), x2=_at(high), y1=_at(middle), y2=_at(middle)),
        *ends,
        stroke="currentColor",
        stroke_width=1.4,
    )
    interval = f"{bar.name}: {100 * bar.value:.1f} % ({100 * bar.low:.1f}–{100 * bar.high:.1f} %)"
    return element(
        "g",
        element("title", interval),
        _label(bar.name, _NAMES - 10, middle + 4, anchor="end"),
        *((whiskers, mark) if dots else (mark, whiskers)),
        _label(text, _WIDTH - _END + 10, middle + 4),
        opacity=0.4 if bar.faint else None,
    )


def _stroke(number: int) -> dict[str, str | float | None]:
    return {
        "stroke": COLOURS[number % len(COLOURS)],
        "stroke_width": 2.2,
        "stroke_dasharray": DASHES[number % len(DASHES)],
    }


def _rule(x1: float, x2: float, y1: float, y2: float) -> Markup:
    return element(
        "line", x1=_at(x1), x2=_at(x2), y1=_at(y1), y2=_at(y2), stroke="currentColor",
        stroke_opacity=0.14,
    )  # fmt: skip


def _label(text: str, x: float, y: float, *, anchor: str = "start", bold: bool = False) -> Markup:
    weight = "600" if bold else None
    return element(
        "text", text, x=_at(x), y=_at(y), text_anchor=anchor, font_size=12, font_weight=weight
    )


def _at(place: float) -> str:
    return f"{place:.1f}"


def _plot(width: float, height: float, parts: Sequence[Markup], alt: str) -> Markup:
    return element(
        "svg",
        join(*parts),
        viewBox=f"0 0 {width:g} {math.ceil(height)}",
        role="img",
        aria_label=alt,
        class_="chart",
    )
