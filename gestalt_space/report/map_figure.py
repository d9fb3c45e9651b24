"""A map of patients as a drawing, and as a page on which the column that colours it is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.drawing import (
    FAINT,
    INK,
    Block,
    Drawing,
    Mark,
    Part,
    Text,
    as_svg,
    shortened,
    width_of,
)
from gestalt_space.report.html import Markup, element, join
from gestalt_space.report.keyed import ROW, Key, draw_key, key_of

_SIDE, _LEFT, _TOP, _KEY = 560.0, 16.0, 48.0, 200.0
_LABEL = 10.0


def map_drawing(
    places: NDArray[np.float64],
    key: Key,
    *,
    column: str,
    title: str,
    method: str,
    titles: Sequence[str] | None = None,
    ringed: NDArray[np.bool_] | None = None,
) -> Drawing:
    """Patients `(p, 2)` in the hues of a key, the names of groups under them where there is
    room. `titles`: shown on hover; `ringed` `(p,)`: those placed later, with a ring."""
    low, high = places.min(0), places.max(0)
    reach = max(float((high - low).max()), 1e-9)
    at = (places - (low + high) / 2) / reach * (_SIDE - 40)
    at = at * [1, -1] + [_LEFT + _SIDE / 2, _TOP + _SIDE / 2]
    rings = np.zeros(len(places), bool) if ringed is None else ringed
    size = 4.8 if len(places) <= 150 else 3.6
    order = sorted(range(len(at)), key=lambda row: (bool(rings[row]), key.group_of[row] >= 0, row))
    parts: list[Part] = [
        Text(title, _LEFT, 18, 14),
        Text(method, _LEFT, 36, 10, colour=FAINT),
        Block(_LEFT, _TOP, _SIDE, _SIDE, "#f6f7f7"),
    ]
    for row in order:
        hover = titles[row] if titles is not None else ""
        x, y = (float(one) for one in at[row])
        parts.append(Mark(x, y, key.group(row), bool(rings[row]), hover, size))
    parts += _labels(at, key)
    left = _LEFT + _SIDE + 20
    parts += draw_key(key, column, left, _TOP, _KEY)
    below = _TOP + ROW * (len(key.rows) + 2)
    if rings.any():
        parts += [
            Mark(left + 9, below, None, True),
            Text(f"placed later ({int(rings.sum())})", left + 24, below + 4, 11),
        ]
    bottom = max(_TOP + _SIDE, below) + 16
    alt = f"Map of {len(places)} patients, coloured by {column}"
    return Drawing(left + _KEY, bottom, tuple(parts), alt)


def _labels(at: NDArray[np.float64], key: Key) -> list[Part]:
    """Names under their groups, the largest first; none over another."""
    boxes: list[tuple[float, float, float, float]] = []
    parts: list[Part] = []
    for group, name in enumerate(key.names):
        theirs = at[key.group_of == group]
        x = float(np.median(theirs[:, 0]))
        y = float(np.quantile(theirs[:, 1], 0.95)) + 18
        text = shortened(name, 150, _LABEL)
        half = width_of(text, _LABEL) / 2 + 3
        x = float(np.clip(x, _LEFT + half, _LEFT + _SIDE - half))
        y = min(y, _TOP + _SIDE - 5)
        box = (x - half, y - 11, x + half, y + 3)
        if not any(_meet(box, other) for other in boxes):
            boxes.append(box)
            parts.append(Text(text, x, y, _LABEL, "middle", INK))
    return parts


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def switched_maps(
    places: NDArray[np.float64],
    columns: Mapping[str, NDArray[np.str_]],
    *,
    first: str,
    method: str,
    titles: Sequence[str] | None = None,
    ringed: NDArray[np.bool_] | None = None,
) -> Markup:
    """The map once for each column, of which one is shown; buttons choose, without a script."""
    names = [first, *(name for name in columns if name != first)]
    buttons, maps, rules = [], [], []
    for name in names:
        drawn = map_drawing(
            places,
            key_of(columns[name]),
            column=name,
            title=f"{len(places)} patients by {name}",
            method=method,
            titles=titles,
            ringed=ringed,
        )
        checked = "checked" if name == first else None
        buttons += [
            element("input", type="radio", name="column", id=f"by-{name}", checked=checked),
            element("label", name, for_=f"by-{name}"),
        ]
        maps.append(element("div", as_svg(drawn), class_=f"map map-{name}"))
        rules.append(f"#by-{name}:checked ~ .map-{name} {{ display: block }}")
    style = ".map { display: none; margin-top: .8rem } " + " ".join(rules)
    style += " .maps label { margin: 0 1.1rem 0 .25rem }"
    style += " .map g:hover circle, .map g:hover polygon { stroke: #1d2327; stroke-width: 2 }"
    return element(
        "div", element("style", Markup(style)), "Colour by ", join(*buttons), *maps, class_="maps"
    )
