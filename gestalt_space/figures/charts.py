"""Charts of shares and curves with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from gestalt_space.figures.frames import framed
from gestalt_space.figures.style import DASHES, FAINT, HUES, INK, LINE, adopt, styled
from gestalt_space.paths import display_name

_ROW = 0.24
"""Inches of a row."""


@dataclass(frozen=True, slots=True)
class ShareWithInterval:
    """A share 0..1 with the ends of its interval. `name` stands before it; `note`, behind it, may
    say of how many it is; a `faint` one is of too few to be read."""

    name: str
    value: float
    low: float
    high: float
    note: str = ""
    faint: bool = False

    @property
    def words(self) -> str:
        """What stands behind it."""
        return f"{100 * self.value:.0f} %" + (f", {self.note}" if self.note else "")


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve through points `(n,)`, x and y 0..1, from the first to the last."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def draw_bars(ax: Axes, groups: Sequence[tuple[str, Sequence[ShareWithInterval]]]) -> Axes:
    """Draw shares as bars with intervals under headings on `ax`, and return it; the bars of each
    group have the hues in order."""
    adopt(ax)
    with styled():
        for place, number, share in _laid(ax, groups):
            colour = HUES[number % len(HUES)]
            ax.barh(place, share.value, height=0.62, color=colour, alpha=0.4 if share.faint else 1)
            _draw_interval(ax, share, place)
    return ax


def draw_dots(ax: Axes, groups: Sequence[tuple[str, Sequence[ShareWithInterval]]]) -> Axes:
    """Draw shares as dots with intervals under headings on `ax`, and return it: one series, in one
    hue."""
    adopt(ax)
    with styled():
        for place, _, share in _laid(ax, groups):
            _draw_interval(ax, share, place)
            strength = 0.4 if share.faint else 1
            ax.plot(
                share.value, place, "o", color=HUES[0], markersize=5, alpha=strength, clip_on=False
            )
    return ax


def draw_curves(ax: Axes, curves: Sequence[Curve], *, x: str, y: str, key: bool = True) -> Axes:
    """Draw curves in a square from 0 to 1 on `ax`, with the diagonal of chance, and return it."""
    adopt(ax)
    with styled():
        ax.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
        for number, curve in enumerate(curves):
            ax.plot(
                curve.x,
                curve.y,
                color=HUES[number % len(HUES)],
                linestyle=DASHES[number % len(DASHES)],
                label=display_name(curve.name),
            )
        ax.set(xlim=(0, 1), ylim=(0, 1.005), xlabel=x, ylabel=y, aspect="equal")
        ax.grid()
        if key and curves:
            ax.legend(loc="lower right", handlelength=2.6)
    return ax


def shares_figure(
    groups: Sequence[tuple[str, Sequence[ShareWithInterval]]],
    *,
    dots: bool = False,
    width: float = 4.8,
) -> Figure:
    """A figure of its own of bars, or of dots, on axes of `width` inches."""
    rows = sum(1 + len(shares) for _, shares in groups)
    draw = draw_dots if dots else draw_bars
    return framed(width, max(rows, 1) * _ROW, lambda ax: draw(ax, groups))


def curves_figure(curves: Sequence[Curve], *, x: str, y: str) -> Figure:
    """A figure of its own of curves."""
    return framed(3.6, 3.6, lambda ax: draw_curves(ax, curves, x=x, y=y))


def _laid(
    ax: Axes, groups: Sequence[tuple[str, Sequence[ShareWithInterval]]]
) -> list[tuple[int, int, ShareWithInterval]]:
    """The rows of a chart with headings between them: place, number in its group, share."""
    rows: list[tuple[int, int, ShareWithInterval]] = []
    names: list[str] = []
    heads: list[int] = []
    for title, shares in groups:
        heads.append(len(names))
        rows += [(len(names) + number, number - 1, one) for number, one in enumerate(shares, 1)]
        names += [display_name(name) for name in (title, *(one.name for one in shares))]
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.grid(axis="x")
    ax.set_yticks(range(len(names)), names)
    for label in [ax.get_yticklabels()[place] for place in heads]:
        label.set_fontweight("bold")
    ax.tick_params(axis="y", length=0, pad=6)
    ax.spines["left"].set_color(LINE)
    for row, _, share in rows:
        ax.annotate(
            share.words, (1, row), xytext=(6, 0), xycoords=ax.get_yaxis_transform(),
            textcoords="offset points", va="center", fontsize=7, annotation_clip=False,
        )  # fmt: skip
    return rows


def _draw_interval(ax: Axes, share: ShareWithInterval, place: int) -> None:
    away = [[max(share.value - share.low, 0)], [max(share.high - share.value, 0)]]
    strength = 0.4 if share.faint else 1
    ax.errorbar(
        share.value, place, xerr=away, ecolor=INK, elinewidth=0.9, capsize=2, fmt="none",
        alpha=strength, clip_on=False,
    )  # fmt: skip
