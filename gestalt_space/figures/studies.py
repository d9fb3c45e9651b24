"""What simulated studies say of a test: its power, and its p-values where there is no effect."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from gestalt_space.figures.charts import Curve, draw_curves
from gestalt_space.figures.frames import framed
from gestalt_space.figures.style import DASHES, FAINT, HUES, MARKERS, adopt, styled
from gestalt_space.paths import display_name

_WIDTH, _HEIGHT = 4.4, 3.0


def draw_power(
    ax: Axes,
    strengths: NDArray[np.float64],
    shares: Mapping[str, NDArray[np.float64]],
    *,
    x: str,
    level: float = 0.05,
) -> Axes:
    """Draw how often tests of `level` find an effect of each strength `(s,)`, shares `(s,)` 0..1 by
    the test's name, on `ax`, and return it. A thin line is at `level`, where power begins."""
    adopt(ax)
    with styled():
        ax.axhline(level, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
        for number, (name, found) in enumerate(shares.items()):
            ax.plot(
                strengths,
                found,
                color=HUES[number % len(HUES)],
                linestyle=DASHES[number % len(DASHES)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
                label=display_name(name),
                clip_on=False,
            )
        ax.set(ylim=(0, 1), xlabel=x, ylabel=f"found at p ≤ {level:g}")
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        ax.grid()
        # Above the line of the level.
        ax.legend(loc="lower right", bbox_to_anchor=(1, level + 0.03), handlelength=2.6)
    return ax


def draw_nulls(ax: Axes, p_values: Mapping[str, NDArray[np.float64]]) -> Axes:
    """Draw the shares of p-values that lie at or below each level, by the test's name, on `ax`, and
    return it. Where there is no effect, those of a right test lie on the diagonal."""
    curves = []
    for name, found in p_values.items():
        at = np.concatenate([[0.0], np.sort(found), [1.0]])
        below = np.concatenate([[0.0], np.arange(1, len(found) + 1) / len(found), [1.0]])
        curves.append(Curve(name, at, below))
    return draw_curves(ax, curves, x="p-value", y="share at or below it")


def power_figure(
    strengths: NDArray[np.float64], shares: Mapping[str, NDArray[np.float64]], *, x: str
) -> Figure:
    """A figure of its own of power."""
    return framed(_WIDTH, _HEIGHT, lambda ax: draw_power(ax, strengths, shares, x=x))


def nulls_figure(p_values: Mapping[str, NDArray[np.float64]]) -> Figure:
    """A figure of its own of p-values where there is no effect."""
    return framed(3.6, 3.6, lambda ax: draw_nulls(ax, p_values))
