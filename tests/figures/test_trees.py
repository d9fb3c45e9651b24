"""Trees of patients, against SciPy's own drawing."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy.cluster.hierarchy import dendrogram, linkage

from gestalt_space.figures.keys import Palette
from gestalt_space.figures.trees import Tree, draw_branches, tree_figure

POINTS = np.random.default_rng(1).normal(size=(30, 4))


def test_branches_lie_where_scipy_has_them():
    tree = linkage(POINTS, "average")
    ax = Figure().subplots()
    leaves = draw_branches(ax, tree, lies="down")
    other = dendrogram(tree, no_plot=True)
    assert leaves.tolist() == other["leaves"]
    (drawn,) = [one for one in ax.collections if isinstance(one, LineCollection)]
    corners = {tuple(map(tuple, np.round(path.vertices, 6))) for path in drawn.get_paths()}
    x, y = (np.array(other["icoord"]) - 5) / 10, np.array(other["dcoord"])
    assert corners == {tuple(map(tuple, one)) for one in np.round(np.stack([x, y], axis=2), 6)}


def test_a_chain_of_many_patients_is_a_tree():
    places = np.cumsum(np.arange(1500.0))[:, None]
    ax = Figure().subplots()
    assert len(draw_branches(ax, linkage(places, "single"), lies="left")) == 1500


def tree_of(count: int, names: bool = True) -> Figure:
    groups = np.array(["", "a"] * (count // 2))
    key = Palette().key("cohort", groups)
    tree = Tree(
        linkage(np.random.default_rng(0).normal(size=(count, 3)), "average"),
        np.arange(count) // 4 + 1,
        [(key, key.groups(groups))],
        [f"Zoë {number}" for number in range(count)] if names else None,
    )
    return tree_figure(tree, "title", "note")


def test_leaves_are_named_where_there_is_room_for_all():
    def named(figure: Figure) -> int:
        return sum(text.get_text().startswith("Zoë") for text in figure.findobj(Text))

    assert named(tree_of(40)) == 40
    assert named(tree_of(40, names=False)) == 0
    assert named(tree_of(400)) == 0


def test_bars_have_their_titles_and_a_key():
    texts = [text.get_text() for text in tree_of(8).findobj(Text)]
    assert {"cluster", "cohort", "a (4)", "not known (4)", "title", "note"} <= set(texts)
