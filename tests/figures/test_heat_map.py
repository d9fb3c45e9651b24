"""Heat maps: what is drawn at which cell."""

from __future__ import annotations

import io
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from scipy.cluster.hierarchy import linkage

from gestalt_space.figures.heat_map import (
    Bar,
    HeatMap,
    colour_range,
    draw_heat_map,
    heat_map_figure,
    size_of,
)
from gestalt_space.figures.keys import Palette
from gestalt_space.figures.positions import cell_grid_of
from gestalt_space.figures.saving import rendered
from gestalt_space.figures.style import INCH


def heat(count: int, **changes: object) -> HeatMap:
    values = np.random.default_rng(0).uniform(-0.2, 0.8, (count, count))
    options = {
        "values": (values + values.T) / 2,
        "rows": [f"P{row:03}" for row in range(count)],
        "columns": None,
        "bars": (),
        "unit": "similarity (mean cosine)",
        **changes,
    }
    return HeatMap(**options)


def written(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_every_name_is_written_where_there_is_room_and_some_of_many():
    figure = heat_map_figure(heat(40), "title")
    assert {f"P{row:03}" for row in range(40)} <= set(written(figure))
    many = heat_map_figure(heat(400), "title")
    labels = many.axes[0].get_yticklabels()
    assert 40 < len(labels) < 100
    tops = [label.get_window_extent(many.canvas.get_renderer()) for label in labels]
    assert all(one.y0 >= other.y1 for one, other in pairwise(tops))


def test_a_cell_has_the_colour_of_its_value_at_the_place_that_is_told():
    of = heat(10, values=np.where(np.eye(10) > 0, np.nan, heat(10).values))
    figure = heat_map_figure(of, "title", ["note"])
    picture = np.asarray(Image.open(io.BytesIO(rendered(figure, "png").data)).convert("RGB"))
    cells = cell_grid_of(figure, figure.axes[0])
    scale = picture.shape[0] / (figure.get_figheight() * INCH)
    low, high = colour_range(of.values)
    for row, column in ((0, 1), (3, 7), (9, 0), (4, 4)):
        x, y = cells.left + (column + 0.5) * cells.width, cells.top + (row + 0.5) * cells.height
        place = (of.values[row, column] - low) / (high - low)
        wanted = np.array(mpl.colormaps["viridis"](place, bytes=True))[:3]
        wanted = np.array([128, 128, 128]) if row == column else wanted
        assert np.abs(picture[round(y * scale), round(x * scale)].astype(int) - wanted).max() <= 2


@pytest.mark.parametrize("count", [3, 40, 137, 400, 3000])
def test_a_cell_is_whole_pixels(count: int):
    width, height = size_of(heat(3, values=np.zeros((count, count))))
    assert width == height
    assert width * 200 / count == pytest.approx(round(width * 200 / count))


def test_cells_without_a_value_are_explained():
    values = np.where(np.eye(5) > 0, np.nan, heat(5).values)
    figure = heat_map_figure(heat(5, values=values, empty="own"), "")
    assert any("grey: own" in text for text in written(figure))
    assert not any("grey" in text for text in written(heat_map_figure(heat(5), "")))


def test_bars_and_keys_stand_beside_and_nothing_lies_over_another():
    palette, disorders = Palette(), np.array(list("aabbc"))
    cohorts = np.array([*"xyxy", ""])
    bars = []
    for title, values in (("disorder", disorders), ("cohort", cohorts)):
        key = palette.key(title, values)
        bars.append(Bar(key, key.groups(values), key.groups(values)))
    tree = linkage(np.arange(5.0)[:, None], "average")
    ax = heat_map_figure(heat(5, bars=bars, tree=tree), "t").axes[0]
    renderer = ax.figure.canvas.get_renderer()
    legends = [one for one in ax.get_children() if type(one).__name__ == "Legend"]
    assert [one.get_title().get_text() for one in legends] == ["disorder", "cohort"]
    first, second = (one.get_window_extent(renderer) for one in legends)
    assert first.y0 > second.y1
    assert first.x0 > ax.get_window_extent().x1
    # Two strips for each bar, the tree, and the colour scale.
    assert len(ax.child_axes) == 6


def test_columns_of_another_set_have_names_below():
    of = heat(3, values=np.zeros((3, 2)), columns=["left", "right"])
    labels = heat_map_figure(of, "t").axes[0].get_xticklabels()
    assert [label.get_text() for label in labels] == ["left", "right"]


def test_axes_of_another_figure_are_drawn_on():
    ax = Figure(layout="constrained").subplots()
    assert draw_heat_map(ax, heat(4), keys=False) is ax
    assert len(ax.images) == 1
    assert ax.child_axes == []
    assert {label.get_fontsize() for label in ax.get_yticklabels()} == {6.0}


def test_nobody_is_named_by_an_empty_name():
    ax = heat_map_figure(heat(4, rows=[""] * 4), "t").axes[0]
    assert len(ax.get_yticks()) == 0
