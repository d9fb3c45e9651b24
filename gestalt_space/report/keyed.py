"""Groups that are coloured on a figure, and its key: the largest have hues, the rest is pale."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.drawing import HUES, INK, OTHER, UNKNOWN, Mark, Part, Text, shortened

ROW = 18.0


@dataclass(frozen=True)
class Key:
    """`group_of` `(p,)`: the number of each value's hue and shape, or `OTHER`, or `UNKNOWN`.
    `names`: of groups with a hue, from number `first` on, the largest first, with `counts`;
    `others` and `unknown`: how many have another value, and none."""

    group_of: NDArray[np.int64]
    names: tuple[str, ...]
    counts: tuple[int, ...]
    others: int
    unknown: int
    first: int = 0

    @property
    def rows(self) -> list[tuple[int, str]]:
        """Lines of the key: group and words."""
        rows = [
            (number, f"{name} ({count})")
            for number, (name, count) in enumerate(
                zip(self.names, self.counts, strict=True), start=self.first
            )
        ]
        rows += [(OTHER, f"others ({self.others})")] * bool(self.others)
        rows += [(UNKNOWN, f"none told ({self.unknown})")] * bool(self.unknown)
        return rows

    def groups(self, values: NDArray[np.str_]) -> NDArray[np.int64]:
        """The groups `(n,)` of other values `(n,)`, by this key."""
        places = {name: number for number, name in enumerate(self.names, start=self.first)}
        found = [places.get(value, OTHER) if value else UNKNOWN for value in values.tolist()]
        return np.array(found, dtype=np.int64)


def key_of(values: NDArray[np.str_], *, first: int = 0) -> Key:
    """The key of values `(p,)`; ties of size by name. Empty values are not known. `first`: number
    of the first hue, so that two keys of one figure have not the same."""
    names, counts = np.unique(values[values != ""], return_counts=True)
    keys = np.array([_in_order(str(name)) for name in names], dtype=np.str_)
    order = np.lexsort((keys, -counts))[: len(HUES)]
    chosen = tuple(str(names[place]) for place in order)
    sizes = tuple(int(counts[place]) for place in order)
    unknown = int((values == "").sum())
    others = len(values) - sum(sizes) - unknown
    key = Key(np.zeros(0, np.int64), chosen, sizes, others, unknown, first)
    return replace(key, group_of=key.groups(values))


def _in_order(name: str) -> str:
    """A name by which 2 stands before 10."""
    return re.sub(r"\d+", lambda number: number[0].zfill(12), name)


def draw_key(key: Key, title: str, x: float, y: float, room: float) -> list[Part]:
    """The key from a corner downwards, its words shortened to the room."""
    parts: list[Part] = [Text(title, x, y + 10, 12, colour=INK)]
    for number, (group, words) in enumerate(key.rows, start=1):
        middle = y + 8 + number * ROW
        parts += [
            Mark(x + 6, middle, group),
            Text(shortened(words, room - 18, 11), x + 18, middle + 4, 11),
        ]
    return parts
