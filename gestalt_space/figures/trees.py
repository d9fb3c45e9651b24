"""Trees of patients by linkage, with bars of clusters and groups under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gestalt_space.figures.keys import Key, draw_key, shortened
from gestalt_space.figures.style import FAINT, INK, hue, new_figure, styled

MOST_NAMES = 120
"""Leaves beyond which a name would be smaller than what can be read: none is written then."""
_BAR, _GAP = 0.05, 0.015
_TURNS = ("#8d989e", "#dfe4e6")


@dataclass(frozen=True)
class Tree:
    """A tree `(p − 1, 4)` as SciPy's linkage, heights being distances. `clusters` `(p,)`: from 1
    on. `bars`: the keys of further bars, with the group `(p,)` of each patient. `names`: of the
    leaves; None where nobody is named."""

    linkage: NDArray[np.float64]
    clusters: NDArray[np.int64]
    bars: Sequence[tuple[Key, NDArray[np.int64]]]
    names: Sequence[str] | None = None


def draw_tree(ax: Axes, tree: Tree, *, keys: bool = True) -> Axes:
    """Draw a tree on `ax`, bars under it, and return it. `keys`: with those of the bars beside
    it."""
    with styled():
        leaves = draw_branches(ax, tree.linkage, lies="down")
        ax.set_ylabel("distance (1 − cosine)")
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        ax.grid(axis="y")
        _bar(ax, 0, "cluster", _cluster_colours(tree.clusters[leaves]))
        for number, (key, groups) in enumerate(tree.bars, start=1):
            colours = np.array([to_rgb(hue(int(group))) for group in groups[leaves]])
            _bar(ax, number, key.title, colours)
        if tree.names is not None and len(leaves) <= MOST_NAMES:
            _name_leaves(ax, [tree.names[leaf] for leaf in leaves], 1 + len(tree.bars))
        if keys:
            top = 1.0
            for key, _ in tree.bars:
                draw_key(ax, key, loc="upper left", bbox_to_anchor=(1.02, top))
                top -= (len(key.rows) + 2) * 0.055
    return ax


def tree_figure(tree: Tree, title: str, note: str = "") -> Figure:
    """A figure of its own: the tree, its keys, a title, and a note under it."""
    figure = new_figure(10.5, 4.6)
    with styled():
        ax = figure.subplots()
        draw_tree(ax, tree)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        if note:
            figure.supxlabel(note, x=0.01, ha="left", fontsize=7, color=FAINT)
    return figure


def draw_branches(
    ax: Axes, linkage: NDArray[np.float64], *, lies: Literal["down", "left"]
) -> NDArray[np.int64]:
    """Draw the branches of a tree, and return its leaves in order: leaf `i` of them stands at
    `i`. It hangs down from its root, or lies with its root on the left and its first leaf on
    top."""
    from scipy.cluster.hierarchy import dendrogram

    laid = dendrogram(linkage, no_plot=True)
    along = (np.array(laid["icoord"]) - 5) / 10
    up = np.array(laid["dcoord"])
    count = len(linkage) + 1
    across, high = (along, up) if lies == "down" else (up, along)
    width = 0.9 if count <= 120 else 0.5
    ax.add_collection(
        LineCollection(list(np.stack([across, high], axis=2)), colors=INK, linewidths=width)
    )
    highest = max(float(up.max()), 1e-9) * 1.02
    if lies == "down":
        ax.set_xlim(-0.5, count - 0.5)
        ax.set_ylim(0, highest)
    else:
        ax.set_xlim(highest, 0)
        ax.set_ylim(count - 0.5, -0.5)
    return np.array(laid["leaves"], dtype=np.int64)


def _bar(ax: Axes, number: int, title: str, colours: NDArray[np.float64]) -> None:
    bottom = -(number + 1) * (_BAR + _GAP)
    place = ax.inset_axes((0, bottom, 1, _BAR))
    place.imshow(colours[None], aspect="auto")
    place.set_axis_off()
    place.text(-0.005, 0.5, title, transform=place.transAxes, ha="right", va="center", fontsize=7)


def _cluster_colours(clusters: NDArray[np.int64]) -> NDArray[np.float64]:
    """Neighbouring clusters in turning shades."""
    turns = np.concatenate([[0], np.cumsum(np.diff(clusters) != 0)]) % 2
    return np.array([to_rgb(_TURNS[turn]) for turn in turns])


def _name_leaves(ax: Axes, names: Sequence[str], bars: int) -> None:
    bottom = -bars * (_BAR + _GAP) - 0.01
    for place, name in enumerate(names):
        ax.text(
            place, bottom, shortened(name, 24), transform=ax.get_xaxis_transform(), rotation=90,
            ha="center", va="top", fontsize=6,
        )  # fmt: skip
