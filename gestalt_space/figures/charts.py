"""Charts of shares and curves with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from gestalt_space.figures.style import DASHES, FAINT, HUES, INK, LINE, new_figure, styled

_ROW = 0.24
"""Inches of a row."""


@dataclass(frozen=True, slots=True)
class Share:
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


def draw_bars(ax: Axes, groups: Sequence[tuple[str, Sequence[Share]]]) -> Axes:
    """Draw shares as bars with intervals under headings on `ax`, and return it; the bars of each
    group have the hues in order."""
    with styled():
        for place, number, share in _laid(ax, groups):
            colour = HUES[number % len(HUES)]
            ax.barh(place, share.value, height=0.62, color=colour, alpha=0.4 if share.faint else 1)
            _draw_interval(ax, share, place)
    return ax


def draw_dots(ax: Axes, groups: Sequence[tuple[str, Sequence[Share]]]) -> Axes:
    """Draw shares as dots with intervals under headings on `ax`, and return it: one series, in one
    hue."""
    with styled():
        for place, _, share in _laid(ax, groups):
            _draw_interval(ax, share, place)
            strength = 0.4 if share.faint else 1
            ax.plot(share.value, place, "o", color=HUES[0], markersize=5, alpha=strength)
    return ax


def draw_curves(ax: Axes, curves: Sequence[Curve], *, x: str, y: str, key: bool = True) -> Axes:
    """Draw curves in a square from 0 to 1 on `ax`, with the diagonal of chance, and return it."""
    with styled():
        ax.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
        for number, curve in enumerate(curves):
            ax.plot(
                curve.x,
                curve.y,
                color=HUES[number % len(HUES)],
                linestyle=DASHES[number % len(DASHES)],
                label=curve.name,
            )
        ax.set(xlim=(0, 1), ylim=(0, 1.005), xlabel=x, ylabel=y, aspect="equal")
        ax.grid()
        if key:
            ax.legend(loc="lower right", handlelength=2.6)
    return ax


def shares_figure(
    groups: Sequence[tuple[str, Sequence[Share]]], *, dots: bool = False, width: float = 6.8
) -> Figure:
    """A figure of its own of bars, or of dots."""
    rows = sum(1 + len(shares) for _, shares in groups)
    figure = new_figure(width, rows * _ROW + 0.5)
    with styled():
        (draw_dots if dots else draw_bars)(figure.subplots(), groups)
    return figure


def curves_figure(curves: Sequence[Curve], *, x: str, y: str) -> Figure:
    """A figure of its own of curves."""
    figure = new_figure(4.2, 4.2)
    with styled():
        draw_curves(figure.subplots(), curves, x=x, y=y)
    return figure


def _laid(ax: Axes, groups: Sequence[tuple[str, Sequence[Share]]]) -> list[tuple[int, int, Share]]:
    """The rows of a chart with headings between them: place, number in its group, share."""
    rows: list[tuple[int, int, Share]] = []
    place = 0
    for title, shares in groups:
        ax.text(
            0, place, title, transform=ax.get_yaxis_transform(), fontweight="bold", va="center",
            ha="right",
        )  # fmt: skip
        rows += [(place + number, number - 1, share) for number, share in enumerate(shares, 1)]
        place += 1 + len(shares)
    ax.set_ylim(place - 0.4, -0.6)
    ax.set_xlim(0, 1)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.grid(axis="x")
    ax.set_yticks([row[0] for row in rows], [row[2].name for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_color(LINE)
    for row, _, share in rows:
        ax.text(
            1.015, row, share.words, transform=ax.get_yaxis_transform(), va="center", fontsize=7
        )
    return rows


def _draw_interval(ax: Axes, share: Share, place: int) -> None:
    away = [[max(share.value - share.low, 0)], [max(share.high - share.value, 0)]]
    strength = 0.4 if share.faint else 1
    ax.errorbar(
        share.value, place, xerr=away, ecolor=INK, elinewidth=0.9, capsize=2, fmt="none",
        alpha=strength,
    )  # fmt: skip
