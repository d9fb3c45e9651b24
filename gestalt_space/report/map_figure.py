"""A map of patients as a drawing, and as a page on which the column that colours it is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.drawing import (
    FAINT,
    INK,
    OTHER,
    Block,
    Drawing,
    Mark,
    Part,
    Text,
    as_svg,
    hue,
    shortened,
    width_of,
)
from gestalt_space.report.html import Markup, element, join
from gestalt_space.report.keyed import ROW, Key, draw_key, key_of

_SIDE, _LEFT, _TOP, _KEY = 560.0, 16.0, 48.0, 200.0
_LABEL, _LINE, _SIGN = 10.0, 14.0, 9.0
_MOST_HIDDEN = 1
"""Patients of other groups whom a name may hide."""
_FARTHEST = 40.0
_WIDEST = 0.45 * _SIDE
"""Of a group that has a name on the map: of one that is everywhere it would say nothing."""

Box: TypeAlias = tuple[float, float, float, float]


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
    """Patients `(p, 2)` in the hues of a key, the names of groups beside them where there is
    room. `titles`: shown on hover; `ringed` `(p,)`: those placed later, with a ring."""
    low, high = places.min(0), places.max(0)
    reach = max(float((high - low).max()), 1e-9)
    at = (places - (low + high) / 2) / reach * (_SIDE - 40)
    at = at * [1, -1] + [_LEFT + _SIDE / 2, _TOP + _SIDE / 2]
    rings = np.zeros(len(places), bool) if ringed is None else ringed
    size = 4.8 if len(places) <= 150 else 3.6
    # The named over the others, and those placed later over all.
    order = np.lexsort((np.minimum(key.group_of, 0), rings))
    parts: list[Part] = [
        Text(title, _LEFT, 18, 14),
        Text(method, _LEFT, 36, 10, colour=FAINT),
        Block(_LEFT, _TOP, _SIDE, _SIDE, "#f6f7f7"),
    ]
    for row in order:
        hover = titles[row] if titles is not None else ""
        x, y = (float(one) for one in at[row])
        parts.append(Mark(x, y, int(key.group_of[row]), bool(rings[row]), hover, size))
    parts += _labels(at, key)
    left = _LEFT + _SIDE + 20
    parts += draw_key(key, column, left, _TOP, _KEY)
    below = _TOP + ROW * (len(key.rows) + 2)
    if rings.any():
        parts += [
            Mark(left + 9, below, OTHER, True),
            Text(f"placed later ({int(rings.sum())})", left + 24, below + 4, 11),
        ]
    bottom = max(_TOP + _SIDE, below) + 16
    alt = f"Map of {len(places)} patients, coloured by {column}"
    return Drawing(left + _KEY, bottom, tuple(parts), alt)


def _labels(at: NDArray[np.float64], key: Key) -> list[Part]:
    """Names in their hue beside their groups, the largest first: where they hide the fewest
    patients, and none over another, among other groups, or far from its own."""
    boxes: list[Box] = []
    parts: list[Part] = []
    for group, name in enumerate(key.names, start=key.first):
        text = shortened(name, 150, _LABEL)
        width = width_of(text, _LABEL) + _SIGN + 4
        theirs = key.group_of == group
        low, high = np.quantile(at[theirs], (0.1, 0.9), axis=0)
        if (high - low).max() > _WIDEST:
            continue
        free = [
            box
            for box in _beside(at[theirs], width)
            if not any(_meet(box, other) for other in boxes)
            and _hidden(box, at[~theirs]) <= _MOST_HIDDEN
            and _away(box, at[theirs]) <= _FARTHEST
        ]
        if free:
            left, _, _, bottom = box = min(free, key=lambda one: _hidden(one, at))
            boxes.append(box)
            parts += [
                Block(left + 3, bottom - 12, 3, 11, hue(group)),
                Text(text, left + _SIGN, bottom - 3, _LABEL, colour=INK),
            ]
    return parts


def _beside(theirs: NDArray[np.float64], width: float) -> list[Box]:
    """Boxes below, above, right and left of a group's patients, within the map."""
    (left, top), (x, y), (right, bottom) = np.quantile(theirs, (0.15, 0.5, 0.85), axis=0).tolist()
    corners = [
        (x - width / 2, bottom + 8),
        (x - width / 2, top - 8 - _LINE),
        (right + 9, y - _LINE / 2),
        (left - 9 - width, y - _LINE / 2),
        (right + 5, bottom + 5),
        (left - 5 - width, bottom + 5),
    ]
    boxes = []
    for across, down in corners:
        start = min(max(across, _LEFT + 2), _LEFT + _SIDE - width - 2)
        above = min(max(down, _TOP + 2), _TOP + _SIDE - _LINE - 2)
        boxes.append((start, above, start + width, above + _LINE))
    return boxes


def _hidden(box: Box, at: NDArray[np.float64]) -> int:
    """How many marks a box covers."""
    left, top, right, bottom = box
    inside = (at > (left - 4, top - 4)) & (at < (right + 4, bottom + 4))
    return int(np.count_nonzero(inside.all(axis=1)))


def _away(box: Box, at: NDArray[np.float64]) -> float:
    """From a box to the third nearest mark, so that it is not alone with one that strayed."""
    left, top, right, bottom = box
    nearest = np.clip(at, (left, top), (right, bottom))
    return float(np.sort(np.linalg.norm(at - nearest, axis=1))[:3][-1])


def _meet(one: Box, other: Box) -> bool:
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
