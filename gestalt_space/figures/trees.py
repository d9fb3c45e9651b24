"""Trees of patients by linkage, with bars of clusters and groups under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray

from gestalt_space.figures.frames import framed, inches_from, inches_of
from gestalt_space.figures.keys import Key, draw_keys, shortened
from gestalt_space.figures.strips import draw_strip
from gestalt_space.figures.style import INCH, INK, TURNS, adopt, hue, styled

_HEIGHT, _NARROWEST, _WIDEST = 3.0, 5.6, 9.6
"""Inches of a figure's tree."""
_BAR, _GAP = 0.15, 0.05
_LABEL = 6.0
_LEAF = (_LABEL + 0.6) / INCH
"""Inches of a leaf with a name: where there is less room, no leaf is named."""


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
    """Draw a tree on `ax`, bars under it, and return it. `keys`: with those of the bars on its
    right. Leaves are named where there is room for all."""
    adopt(ax)
    with styled():
        leaves = draw_branches(ax, tree.linkage, lies="down")
        ax.set_ylabel("distance (1 − cosine)")
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        ax.grid(axis="y")
        _draw_bar(ax, 0, "cluster", _cluster_colours(tree.clusters[leaves]))
        for number, (key, groups) in enumerate(tree.bars, start=1):
            colours = [hue(group) for group in groups[leaves].tolist()]
            _draw_bar(ax, number, key.title, colours)
        if tree.names is not None and inches_of(ax)[0] / len(leaves) > _LEAF:
            _name_leaves(ax, [tree.names[leaf] for leaf in leaves], 1 + len(tree.bars))
        if keys:
            draw_keys(ax, [key for key, _ in tree.bars], 0.25, 0)
    return ax


def tree_figure(tree: Tree, title: str, note: str = "") -> Figure:
    """A figure of its own: the tree, its keys, a title, and a note under it."""
    leaves = len(tree.linkage) + 1
    width = min(_WIDEST, max(_NARROWEST, leaves * _LEAF * 1.05))
    return framed(width, _HEIGHT, lambda ax: draw_tree(ax, tree), title, [note] * bool(note))


def draw_branches(
    ax: Axes, linkage: NDArray[np.float64], *, lies: Literal["down", "left"]
) -> NDArray[np.int64]:
    """Draw the branches of a tree, and return its leaves in order: leaf `i` of them stands at
    `i`. It hangs down from its root, or lies with its root on the left and its first leaf on
    top."""
    leaves, along, up = _laid(linkage)
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
    return leaves


def _laid(
    linkage: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """The leaves of a tree in order, and for each of its joints the four corners `(p − 1, 4)`:
    along the leaves, and up. SciPy's own calls itself for each level, too often for a tree of many
    patients."""
    from scipy.cluster.hierarchy import leaves_list

    count = len(linkage) + 1
    leaves = np.asarray(leaves_list(linkage), np.int64)
    middle, height = np.zeros(2 * count - 1), np.zeros(2 * count - 1)
    middle[leaves] = np.arange(count)
    height[count:] = linkage[:, 2]
    left, right = linkage[:, :2].astype(np.int64).T
    for joint, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        middle[count + joint] = (middle[one] + middle[other]) / 2
    along = np.stack([middle[left], middle[left], middle[right], middle[right]], axis=1)
    up = np.stack([height[left], height[count:], height[count:], height[right]], axis=1)
    return leaves, along, up


def _draw_bar(ax: Axes, number: int, title: str, colours: Sequence[str]) -> None:
    bottom = -(number + 1) * (_BAR + _GAP)
    under = blended_transform_factory(ax.transAxes, inches_from(ax, 0, 0))
    draw_strip(ax, colours, (0, bottom, 1, _BAR), under, lies="across")
    ax.annotate(
        title, (0, 0), xytext=(-4, (bottom + _BAR / 2) * INCH), xycoords="axes fraction",
        textcoords="offset points", ha="right", va="center", fontsize=7, annotation_clip=False,
    )  # fmt: skip


def _cluster_colours(clusters: NDArray[np.int64]) -> list[str]:
    """Neighbouring clusters in turning shades."""
    turns = np.concatenate([[0], np.cumsum(np.diff(clusters) != 0)]) % 2
    return [TURNS[turn] for turn in turns.tolist()]


def _name_leaves(ax: Axes, names: Sequence[str], bars: int) -> None:
    down = -bars * (_BAR + _GAP) * INCH - 3
    for place, name in enumerate(names):
        ax.annotate(
            shortened(name, 24), (place, 0), xytext=(0, down),
            xycoords=ax.get_xaxis_transform(), textcoords="offset points", rotation=90,
            ha="center", va="top", fontsize=_LABEL, annotation_clip=False,
        )  # fmt: skip
