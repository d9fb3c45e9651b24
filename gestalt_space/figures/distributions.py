"""Distributions side by side: similarities of patients with one disorder and with different ones,
scores of true disorders and of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from gestalt_space.figures.frames import framed
from gestalt_space.figures.style import DASHES, HUES, adopt, styled
from gestalt_space.paths import display_name

BINS = 40
_WIDTH, _HEIGHT = 4.8, 2.4


@dataclass(frozen=True)
class Distribution:
    """How many values `(b,)` lie between `edges` `(b + 1,)`, and their median."""

    name: str
    counts: NDArray[np.int64]
    edges: NDArray[np.float64]
    median: float

    @property
    def words(self) -> str:
        """Its line in a key: name, how many values there are, and the median."""
        return f"{display_name(self.name)} ({int(self.counts.sum()):,}; median {self.median:.2f})"


def distributions(values: Mapping[str, ArrayLike], bins: int = BINS) -> list[Distribution]:
    """Values by name, counted in the same bins; names without values are left out."""
    arrays = {name: np.asarray(of, np.float64).ravel() for name, of in values.items()}
    known = {name: of for name, of in arrays.items() if len(of)}
    if not known:
        return []
    low, high = min(of.min() for of in known.values()), max(of.max() for of in known.values())
    edges = np.linspace(low, max(high, low + 1e-3), bins + 1)
    return [
        Distribution(name, np.histogram(of, edges)[0], edges, float(np.median(of)))
        for name, of in known.items()
    ]


def draw_distributions(ax: Axes, of: Sequence[Distribution], *, x: str, each: str) -> Axes:
    """Draw distributions over one another on `ax`, each as shares of its own values, and return it.
    A line is at each median. `x`: what is measured; `each`: of what, plural."""
    adopt(ax)
    with styled():
        for number, one in enumerate(of):
            shares = one.counts / max(int(one.counts.sum()), 1)
            colour, dashes = HUES[number % len(HUES)], DASHES[number % len(DASHES)]
            ax.stairs(shares, one.edges, fill=True, color=colour, alpha=0.25)
            ax.stairs(
                shares, one.edges, color=colour, linestyle=dashes, linewidth=1.2, label=one.words
            )
            ax.axvline(one.median, color=colour, linewidth=0.8, linestyle=dashes)
        ax.set(xlabel=x, ylabel=f"share of the {each}")
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        if of:
            # Above the axes, where no distribution is.
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1.02), handlelength=2.6)
    return ax


def distributions_figure(of: Sequence[Distribution], *, x: str, each: str) -> Figure:
    """A figure of its own of distributions."""
    return framed(_WIDTH, _HEIGHT, lambda ax: draw_distributions(ax, of, x=x, each=each))
