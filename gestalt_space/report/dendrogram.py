"""A tree of patients as a drawing, with bars that say what they have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.drawing import (
    FAINT,
    Block,
    Drawing,
    Line,
    Part,
    Text,
    hue,
    shortened,
)
from gestalt_space.report.keyed import ROW, Key, draw_key

MOST_NAMES = 60
"""Leaves beyond which names would run into each other: none is written then."""
_WIDTH, _HEIGHT, _LEFT, _TOP, _BAR = 760.0, 260.0, 64.0, 66.0, 12.0
_KEY = 190.0


def dendrogram(
    tree: NDArray[np.float64],
    clusters: NDArray[np.int64],
    bars: Sequence[tuple[str, Key]],
    *,
    names: Sequence[str] | None = None,
    title: str,
    note: str = "",
) -> Drawing:
    """The tree `(p − 1, 4)` of average linkage, heights being distances, with its leaves in order.

    `clusters` `(p,)` from 1 on: a bar in turning shades, numbered where there is room. `bars`: a
    title and the key of each further bar. `names`: of the leaves, written where at most 60.
    `note`: a line under the title.
    """
    from scipy.cluster.hierarchy import dendrogram as lay

    laid = lay(tree, no_plot=True)
    leaves = np.array(laid["leaves"])
    count = len(leaves)
    step = _WIDTH / count
    highest = max(float(tree[:, 2].max()), 1e-9)
    across, up = np.array(laid["icoord"]), np.array(laid["dcoord"])
    x = _LEFT + across / 10 * step
    y = _TOP + (1 - up / highest) * _HEIGHT
    parts: list[Part] = [Text(title, 8, 18, 14), Text(note, 8, 34, 10, colour=FAINT)]
    parts += _axis(highest)
    width = 1.2 if count <= 120 else 0.7
    parts += [
        Line(tuple(zip(xs.tolist(), ys.tolist(), strict=True)), width=width)
        for xs, ys in zip(x, y, strict=True)
    ]
    top = _TOP + _HEIGHT + 8
    parts += _cluster_bar(clusters[leaves], step, top)
    for title_of_bar, key in bars:
        top += _BAR + 5
        parts.append(Text(shortened(title_of_bar, _LEFT, 11), _LEFT - 6, top + 10, 11, "end"))
        groups = key.group_of[leaves]
        for start, stop in _runs(groups):
            width_of_run = (stop - start) * step
            parts.append(
                Block(_LEFT + start * step, top, width_of_run, _BAR, hue(int(groups[start])))
            )
    top += _BAR + 10
    if names is not None and count <= MOST_NAMES:
        levels = 3
        for place, leaf in enumerate(leaves):
            line = top + 10 + (place % levels) * 13
            room = step * levels - 4
            middle = _LEFT + (place + 0.5) * step
            parts.append(Text(shortened(names[leaf], room, 9), middle, line, 9, "middle"))
        top += levels * 13 + 6
    left = _LEFT + _WIDTH + 24
    below = _TOP
    for title_of_bar, key in bars:
        parts += draw_key(key, title_of_bar, left, below, _KEY)
        below += ROW * (len(key.rows) + 2)
    alt = f"Tree of {count} patients by average linkage"
    return Drawing(left + _KEY, max(top, below) + 8, tuple(parts), alt)


def _axis(highest: float) -> list[Part]:
    parts: list[Part] = [Text("distance (1 − cosine)", 8, _TOP - 12, 10, colour=FAINT)]
    # Of 1, 2, 2.5 and 5 times a power of ten, the finest step with at most five ticks.
    highest = highest or 1.0  # a tree of patients who are all alike
    power = 10 ** np.floor(np.log10(highest))
    steps = [power * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2)]
    step = next(one for one in steps if highest / one <= 5)
    for number in range(int(highest / step) + 1):
        height = _TOP + (1 - number * step / highest) * _HEIGHT
        parts += [
            Line(((_LEFT, height), (_LEFT + _WIDTH, height)), "#e6e9e9", 1),
            Text(f"{number * step:.3g}", _LEFT - 6, height + 4, 11, "end", FAINT),
        ]
    return parts


def _cluster_bar(clusters: NDArray[np.int64], step: float, top: float) -> list[Part]:
    parts: list[Part] = [Text("cluster", _LEFT - 6, top + 10, 11, "end")]
    for turn, (start, stop) in enumerate(_runs(clusters)):
        x, width = _LEFT + start * step, (stop - start) * step
        parts.append(Block(x, top, width, _BAR, "#dfe4e6" if turn % 2 else "#8d989e"))
        if width >= 16:
            colour = "#1d2327" if turn % 2 else "#ffffff"
            parts.append(Text(str(clusters[start]), x + width / 2, top + 10, 10, "middle", colour))
    return parts


def _runs(values: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where runs of one value begin and end."""
    edges = np.flatnonzero(np.diff(values)) + 1
    starts = [0, *edges.tolist()]
    return list(zip(starts, [*edges.tolist(), len(values)], strict=True))
