"""Groups that have a hue in a figure, and its key: the largest have hues, the others are pale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from unicodedata import east_asian_width

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from gestalt_space.figures.frames import inches_from, renderer_of
from gestalt_space.figures.style import FAINT, HUES, OTHER, PAPER, UNKNOWN, hue, marker
from gestalt_space.paths import display_name

LONGEST = 38
"""Characters of a name in a key; the middle of a longer one is left out."""
_BETWEEN = 0.18
"""Inches between two keys."""


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
            self._hues_of(title, chosen),
            others=len(values) - sum(sizes) - unknown,
            unknown=unknown,
        )

    def _hues_of(self, title: str, names: Sequence[str]) -> tuple[int, ...]:
        """The hues of the groups of a figure's column. A group that is new to the report gets the
        next one that no other group of the column has."""
        known = [self._hues[title, name] for name in names if (title, name) in self._hues]
        taken = {number % len(HUES) for number in known}
        for name in names:
            if (title, name) not in self._hues:
                free = (n for n in count(len(self._hues)) if n % len(HUES) not in taken)
                self._hues[title, name] = next(free)
                taken.add(self._hues[title, name] % len(HUES))
        return tuple(self._hues[title, name] for name in names)


def draw_keys(
    ax: Axes, keys: Sequence[Key], left: float, top: float, *, marks: bool = False
) -> float:
    """Draw keys one under the other, from a place on: inches from the upper right corner of `ax`,
    `top` upwards. Returns where the last one ends. `marks`: with the groups' marks, as on maps."""
    end = top
    for number, key in enumerate(keys):
        handles: list[Artist] = [
            _mark(group, words) if marks else _patch(group, words) for group, words in key.rows
        ]
        end = draw_legend(ax, handles, left, end - _BETWEEN * bool(number), title=key.title)
    return end


def draw_legend(
    ax: Axes, handles: Sequence[Artist], left: float, top: float, *, title: str | None = None
) -> float:
    """Draw a legend of labelled signs at inches from the upper right corner of `ax`, and return
    where it ends."""
    made = Legend(
        ax,
        handles,
        [str(handle.get_label()) for handle in handles],
        title=title,
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(left, top),
        bbox_transform=inches_from(ax, 1, 1),
        borderpad=0,
    )
    made.get_title().set_fontweight("bold")
    ax.add_artist(made)
    # It is outside of the axes, and a layout passes over what is clipped.
    made.set_clip_on(False)
    figure = ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes that are drawn on have one
    return top - float(made.get_window_extent(renderer_of(ax)).height) / figure.dpi


def width_of(ax: Axes, texts: Sequence[str], size: float) -> float:
    """Inches of the widest of some texts, in points of `size`."""
    longest = sorted(set(texts), key=_about_wide)[-3:]
    renderer, figure = renderer_of(ax), ax.get_figure(root=True)
    assert figure is not None  # noqa: S101 - axes that are drawn on have one
    found = 0.0
    for text in longest:
        drawn = figure.text(0, 0, text, fontsize=size)
        found = max(found, drawn.get_window_extent(renderer).width / figure.dpi)
        drawn.remove()
    return found


def _about_wide(text: str) -> int:
    """Signs of a text, those of Chinese and the like counting twice."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def shortened(name: str, most: int) -> str:
    """A name of so many characters at most, all of which can be printed: of a longer one the middle
    is left out, since names of disorders differ at both ends."""
    name = display_name(name)
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
