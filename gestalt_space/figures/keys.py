"""Groups that have a hue in a figure, and its key: the largest have hues, the others are pale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from gestalt_space.figures.style import FAINT, HUES, OTHER, PAPER, UNKNOWN, hue, marker

LONGEST = 38
"""Characters of a name in a key; the middle of a longer one is left out."""


@dataclass(frozen=True)
class Key:
    """The groups of one column. `names`: those with a hue, the largest first, with their `counts`
    and the numbers of their `hues`; `others`, `unknown`: how many have another value, and none."""

    title: str
    names: tuple[str, ...]
    counts: tuple[int, ...]
    hues: tuple[int, ...]
    others: int
    unknown: int

    def groups(self, values: NDArray[np.str_]) -> NDArray[np.int64]:
        """The number of the hue `(n,)` of each value `(n,)`; `OTHER` and `UNKNOWN` have none."""
        places = dict(zip(self.names, self.hues, strict=True))
        found = [places.get(value, OTHER) if value else UNKNOWN for value in values.tolist()]
        return np.array(found, dtype=np.int64)

    @property
    def rows(self) -> list[tuple[int, str]]:
        """The lines of the key: hue and words."""
        rows = [
            (number, f"{shortened(name, LONGEST)} ({count:,})")
            for number, name, count in zip(self.hues, self.names, self.counts, strict=True)
        ]
        rows += [(OTHER, f"others ({self.others:,})")] * bool(self.others)
        rows += [(UNKNOWN, f"not known ({self.unknown:,})")] * bool(self.unknown)
        return rows


class Palette:
    """The hues of a report: a group has the same one in each of its figures."""

    def __init__(self) -> None:
        self._hues: dict[tuple[str, str], int] = {}

    def key(self, title: str, values: NDArray[np.str_]) -> Key:
        """The key of a column's values `(n,)`; ties of size by name. Empty values are not known."""
        names, counts = np.unique(values[values != ""], return_counts=True)
        keys = np.array([_natural(str(name)) for name in names], dtype=np.str_)
        order = np.lexsort((keys, -counts))[: len(HUES)]
        chosen = tuple(str(names[place]) for place in order)
        sizes = tuple(int(counts[place]) for place in order)
        unknown = int((values == "").sum())
        return Key(
            title,
            chosen,
            sizes,
            tuple(self._hues.setdefault((title, name), len(self._hues)) for name in chosen),
            others=len(values) - sum(sizes) - unknown,
            unknown=unknown,
        )


def draw_key(ax: Axes, key: Key, *, marks: bool = False, **where: Any) -> Legend:
    """Draw a key as a legend beside those that the axes have already; `marks`: with the groups'
    marks, as on maps. `where`: as `Axes.legend` takes it."""
    handles: list[Artist] = [
        _mark(number, words) if marks else _patch(number, words) for number, words in key.rows
    ]
    before = ax.get_legend()
    made: Legend = ax.legend(handles=handles, title=key.title, alignment="left", **where)
    made.get_title().set_fontweight("bold")
    keep_legend(ax, before)
    return made


def keep_legend(ax: Axes, before: Legend | None) -> None:
    """Keep a legend that the axes had beside the one that took its place."""
    if before is not None:
        ax.add_artist(before)
        # Outside of the axes; and the layout passes over what is clipped.
        before.set_clip_on(False)


def shortened(name: str, most: int) -> str:
    """A name of so many characters at most: of a longer one the middle is left out, since names of
    disorders differ at both ends."""
    if len(name) <= most:
        return name
    end = most // 3
    return f"{name[: most - end - 1].rstrip()}…{name[-end:].lstrip()}"


def thinned(count: int, room: float, height: float) -> Sequence[int]:
    """Which of `count` names in a row are written, so that none touches the next: all, or every
    second, third … `room`: of all together; `height`: of one."""
    step = max(1, int(np.ceil(count * height / max(room, height))))
    return range(0, count, step)


def _patch(number: int, words: str) -> Patch:
    return Patch(facecolor=hue(number), edgecolor=FAINT, linewidth=0.3, label=words)


def _mark(number: int, words: str) -> Line2D:
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker(number),
        markersize=5.5 if number >= 0 else 4,
        markerfacecolor=hue(number),
        markeredgecolor=FAINT if number == UNKNOWN else PAPER,
        markeredgewidth=0.5,
        label=words,
    )


def _natural(name: str) -> str:
    """A name by which 2 stands before 10."""
    return re.sub(r"\d+", lambda number: number[0].zfill(12), name)
