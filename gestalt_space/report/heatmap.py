"""Heat maps of matrices with bars beside them: as a drawing, and as a page that tells each cell.

They are given values in the order in which they are drawn, and know nothing of patients.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.drawing import (
    FAINT,
    INK,
    Block,
    Drawing,
    Line,
    Part,
    Text,
    as_svg,
    hue,
    shortened,
    width_of,
)
from gestalt_space.report.figures import colours_of
from gestalt_space.report.html import Markup, element, page, paragraph
from gestalt_space.report.keyed import ROW, Key, draw_key

SMALLEST, LARGEST = 420.0, 880.0
"""Of the longer side of the matrix, in units of the drawing."""
_CELL, _BAR, _GAP, _MARGIN = 14.0, 11.0, 3.0, 12.0
_LABEL, _LABEL_ROOM, _KEY = 9.5, 150.0, 220.0
_FINE = 4
"""Steps of a unit in which cells are measured, so that they are sharp in a PNG."""


@dataclass(frozen=True)
class Bar:
    """A coloured bar on two sides of a matrix: the hue of each row `(n,)` and column `(m,)` by its
    group in the key."""

    title: str
    key: Key
    row_groups: NDArray[np.int64]
    column_groups: NDArray[np.int64]


@dataclass(frozen=True)
class HeatMap:
    """Values `(n, m)`, NaN where there is none, with the names of rows and columns as drawn.

    `columns` is None where they are the rows. `notes`: lines under the title. `scale`: what the
    values are, with unit and direction. `is_closer_high`: bright cells are high ones, else low.
    """

    values: NDArray[np.floating]
    rows: Sequence[str]
    columns: Sequence[str] | None
    bars: Sequence[Bar]
    title: str
    notes: Sequence[str]
    scale: str
    is_closer_high: bool = True


@dataclass(frozen=True)
class _Place:
    left: float
    top: float
    cell: float


def draw_heat_map(heat: HeatMap) -> Drawing:
    """The heat map with its bars, names where there is room for them, and key."""
    count, width = heat.values.shape
    place = _place(heat)
    right, bottom = place.left + width * place.cell, place.top + count * place.cell
    longest = max(width_of(shortened(name, _LABEL_ROOM, _LABEL), _LABEL) for name in heat.rows)
    titles = [width_of(bar.title, _LABEL) for bar in heat.bars]
    key_left = right + max([longest, *titles]) + 34
    parts: list[Part] = [Text(heat.title, _MARGIN, 22, 15)]
    parts += [
        Text(note, _MARGIN, 40 + 15 * line, 11, colour=FAINT)
        for line, note in enumerate(heat.notes)
    ]
    parts += _cells(heat, place)
    parts += _bars(heat, place)
    parts += _names(heat.rows, place.cell, place.top, right + 5, turned=False)
    foot = bottom + 12
    if heat.columns is not None:
        parts += _names(heat.columns, place.cell, place.left, bottom + 5, turned=True)
        foot += max(width_of(shortened(n, _LABEL_ROOM, _LABEL), _LABEL) for n in heat.columns)
    key_bottom = _key(parts, heat, key_left, place.top)
    written = [width_of(heat.title, 15), *(width_of(note, 11) for note in heat.notes)]
    widest = max(key_left + _KEY, _MARGIN + max(written))
    alt = f"{heat.title}: a heat map of {count} rows and {width} columns. {' '.join(heat.notes)}"
    return Drawing(widest + _MARGIN, max(foot, key_bottom) + _MARGIN, tuple(parts), alt)


def heat_map_page(heat: HeatMap, *, generator: str, closing: str) -> str:
    """The heat map as a page that loads nothing: the cell under the pointer is told in words, and
    the arrow keys go from cell to cell. `closing`: a last line."""
    place = _place(heat)
    data = np.ascontiguousarray(heat.values, "<f4").tobytes()
    told = {
        "rows": list(heat.rows),
        "columns": list(heat.rows if heat.columns is None else heat.columns),
        "left": place.left,
        "top": place.top,
        "cell": place.cell,
        "digits": 0 if _is_whole(heat.values) else 3,
        "values": base64.b64encode(data).decode("ascii"),
    }
    # In a script's text `<` may not begin a tag, whatever a photo is called.
    text = Markup(json.dumps(told).replace("<", "\\u003c"))
    return page(
        heat.title,
        element("style", Markup(_PAGE_STYLE)),
        element("h1", heat.title),
        paragraph(
            "Point at a cell, or click one and go on with the arrow keys.",
            class_="faint",
        ),
        element(
            "p", "\N{NO-BREAK SPACE}", id="told", role="status", aria_live="polite", class_="note"
        ),
        element("div", as_svg(draw_heat_map(heat)), id="map", tabindex=0),
        element("script", text, id="data", type="application/json"),
        element("footer", paragraph(closing, class_="faint")),
        generator=generator,
        script=_SCRIPT,
    )


def _place(heat: HeatMap) -> _Place:
    most = max(heat.values.shape)
    side = min(LARGEST, max(SMALLEST, most * _CELL))
    cell = max(1, int(side / most * _FINE)) / _FINE
    bars = len(heat.bars) * (_BAR + _GAP) + 4
    return _Place(_MARGIN + bars, 50 + 15 * len(heat.notes) + bars, cell)


def _cells(heat: HeatMap, place: _Place) -> list[Part]:
    low, high = _range(heat.values)
    shown = heat.values if heat.is_closer_high else low + high - heat.values
    pixels = colours_of(shown, low, high)
    # Many small pixels for a cell: what enlarges the picture would blur one.
    times = max(1, int(place.cell * _FINE))
    pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    count, width = heat.values.shape
    return [
        Block(place.left, place.top, width * place.cell, count * place.cell, pixels=pixels),
    ]


def _bars(heat: HeatMap, place: _Place) -> list[Part]:
    parts: list[Part] = []
    right = place.left + heat.values.shape[1] * place.cell
    for number, bar in enumerate(heat.bars):
        at = number * (_BAR + _GAP)
        top = place.top - (place.left - _MARGIN) + at
        parts += [
            Block(
                _MARGIN + at, place.top + start * place.cell, _BAR, length * place.cell, fill=fill
            )
            for start, length, fill in _stretches(bar.row_groups)
        ]
        parts += [
            Block(place.left + start * place.cell, top, length * place.cell, _BAR, fill=fill)
            for start, length, fill in _stretches(bar.column_groups)
        ]
        parts.append(Text(bar.title, right + 5, top + _BAR - 2, _LABEL, colour=FAINT))
    return parts


def _stretches(groups: NDArray[np.int64]) -> list[tuple[int, int, str]]:
    """Neighbours of one hue: where they begin, how many, and the hue."""
    edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(groups)]
    return [(start, stop - start, hue(int(groups[start]))) for start, stop in pairwise(edges)]


def _names(
    names: Sequence[str], cell: float, start: float, across: float, *, turned: bool
) -> list[Part]:
    """Names beside the cells; of many, every second, third … with a tick at its cell."""
    step = max(1, int(np.ceil((_LABEL + 2) / cell)))
    parts: list[Part] = []
    for number in range(0, len(names), step):
        middle = start + (number + 0.5) * cell
        text = shortened(names[number], _LABEL_ROOM, _LABEL)
        if turned:
            parts.append(Text(text, middle - 3, across, _LABEL, turned=True))
        else:
            parts.append(Text(text, across, middle + 3.3, _LABEL))
        if step > 1:
            ends = ((across - 4, middle), (across - 1, middle))
            flipped = tuple((y, x) for x, y in ends)
            parts.append(Line(flipped if turned else ends, FAINT, 0.6))
    return parts


def _key(parts: list[Part], heat: HeatMap, left: float, top: float) -> float:
    low, high = _range(heat.values)
    ramp = np.linspace(low, high, 160)[None].repeat(2, axis=0)
    shown = ramp if heat.is_closer_high else low + high - ramp
    what, _, how = heat.scale.partition(": ")
    digits = 0 if _is_whole(heat.values) else 2
    parts += [
        Text(what, left, top + 10, 12, colour=INK),
        Text(how, left, top + 24, 9.5, colour=FAINT),
        Block(left, top + 30, 160, 12, pixels=colours_of(shown, low, high)),
        Text(_number(low, digits), left, top + 55, 10),
        Text(_number(high, digits), left + 160, top + 55, 10, anchor="end"),
        Text("99 % of the cells lie between", left, top + 68, 9.5, colour=FAINT),
    ]
    at = top + 92
    if np.isnan(heat.values).any():
        parts += [
            Block(left, at - 10, 12, 12, fill="#808080"),
            Text("of the probe's own patient", left + 18, at, 10),
        ]
        at += ROW
    for bar in heat.bars:
        parts += draw_key(bar.key, bar.title, left, at, _KEY)
        at += (len(bar.key.rows) + 1) * ROW + 14
    return at


def _range(values: NDArray[np.floating]) -> tuple[float, float]:
    """Ends of the colours: the values beside the diagonal of a square, its highest parts apart."""
    shown = np.array(values, np.float64)
    if shown.shape[0] == shown.shape[1] and len(shown) > 1:
        np.fill_diagonal(shown, np.nan)
    if np.isnan(shown).all():
        return 0.0, 1.0
    low, high = np.nanpercentile(shown, [0.5, 99.5])
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1e-6)


def _is_whole(values: NDArray[Any]) -> bool:
    return bool(np.nanmax(values, initial=0) > 2)


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}".replace("-", "−")


_PAGE_STYLE = """
main { max-width: 84rem; }
#map { overflow: auto; cursor: crosshair; }
#map svg { display: block; }
#told { position: sticky; top: 0; z-index: 1; }
"""
_SCRIPT = """
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const bytes = Uint8Array.from(atob(data.values), (c) => c.charCodeAt(0));
const values = new DataView(bytes.buffer);
const map = document.getElementById("map"), svg = map.querySelector("svg");
const told = document.getElementById("told");
const width = data.columns.length;
const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
for (const [name, value] of Object.entries({ width: data.cell, height: data.cell, fill: "none",
  stroke: "#d55e00", "stroke-width": 1.5, visibility: "hidden" })) box.setAttribute(name, value);
svg.append(box);
let row = 0, column = 0;
function tell(r, c) {
  if (r < 0 || c < 0 || r >= data.rows.length || c >= width) return;
  row = r; column = c;
  const value = values.getFloat32(4 * (r * width + c), true);
  told.textContent = data.rows[r] + " \u2013 " + data.columns[c] + ": " +
    (Number.isNaN(value) ? "own patient" : value.toFixed(data.digits).replace("-", "\u2212"));
  box.setAttribute("x", data.left + c * data.cell);
  box.setAttribute("y", data.top + r * data.cell);
  box.setAttribute("visibility", "visible");
}
function point(event) {
  const at = new DOMPoint(event.clientX, event.clientY)
    .matrixTransform(svg.getScreenCTM().inverse());
  tell(Math.floor((at.y - data.top) / data.cell), Math.floor((at.x - data.left) / data.cell));
}
svg.addEventListener("pointermove", point);
svg.addEventListener("pointerdown", point);
map.addEventListener("keydown", (event) => {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (!(event.key in step)) return;
  event.preventDefault();
  tell(row + step[event.key][0], column + step[event.key][1]);
});
"""
