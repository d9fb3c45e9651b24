"""Groups that are coloured on a figure, and its key: the largest have hues, the rest is pale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.report.drawing import HUES, INK, Mark, Part, Text, shortened

OTHERS, UNKNOWN = "others", "not known"
ROW = 18.0


@dataclass(frozen=True)
class Key:
    """`group_of` `(p,)`: place in `names` of each value, −1 for the rest. `names`: of groups with a
    hue, the largest first, with `counts`; `others` and `unknown`: how many have another value, and
    none."""

    group_of: NDArray[np.int64]
    names: tuple[str, ...]
    counts: tuple[int, ...]
    others: int
    unknown: int

    def group(self, place: int) -> int | None:
        """The number of a patient's hue; None without one."""
        found = int(self.group_of[place])
        return None if found < 0 else found

    @property
    def rows(self) -> list[tuple[int | None, str]]:
        """Lines of the key: group and words."""
        named: list[tuple[int | None, str]] = [
            (number, f"{name} ({count})")
            for number, (name, count) in enumerate(zip(self.names, self.counts, strict=True))
        ]
        rest = [f"{OTHERS} ({self.others})"] * bool(self.others)
        rest += [f"{UNKNOWN} ({self.unknown})"] * bool(self.unknown)
        return named + [(None, text) for text in rest]


def key_of(values: NDArray[np.str_]) -> Key:
    """The key of values `(p,)`; ties of size by name. Empty values are not known."""
    names, counts = np.unique(values[values != ""], return_counts=True)
    order = np.lexsort((names, -counts))[: len(HUES)]
    chosen = [str(names[place]) for place in order]
    places = {name: number for number, name in enumerate(chosen)}
    group_of = np.array([places.get(str(value), -1) for value in values], dtype=np.int64)
    unknown = int((values == "").sum())
    return Key(
        group_of,
        tuple(chosen),
        tuple(int(counts[place]) for place in order),
        int((group_of < 0).sum()) - unknown,
        unknown,
    )


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
