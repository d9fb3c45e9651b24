"""Maps of patients: where points and names lie."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from PIL import Image

from gestalt_space.figures.keys import Palette
from gestalt_space.figures.point_maps import PointMap, point_map_figure
from gestalt_space.figures.positions import points_of
from gestalt_space.figures.saving import rendered
from gestalt_space.figures.style import HUES, INCH

GROUPS = np.repeat(["left", "right", ""], 20)
PLACES = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat(
    [[-9, 0], [9, 0], [0, 12]], 20, 0
)


def drawn(places: np.ndarray = PLACES, ringed: int = 0) -> Figure:
    key = Palette().key("cohort", GROUPS)
    rings = np.arange(len(places)) < ringed
    return point_map_figure(PointMap(places, key, key.groups(GROUPS), rings), "title", "note")


def names_on(figure: Figure) -> list[Annotation]:
    return [one for one in figure.axes[0].findobj(Annotation) if one.get_text()]


def test_groups_that_lie_together_are_named_and_nobody_is_hidden():
    figure = drawn()
    names = names_on(figure)
    assert [name.get_text() for name in names] == ["left", "right"]
    ax, renderer = figure.axes[0], figure.canvas.get_renderer()
    at = ax.transData.transform(PLACES)
    for name in names:
        box = name.get_window_extent(renderer)
        hidden = [box.contains(*place) for place, of in zip(at, GROUPS, strict=True)]
        assert sum(hidden) <= 1


def test_a_group_that_is_everywhere_has_no_name_on_the_map():
    assert names_on(drawn(np.random.default_rng(1).uniform(size=(60, 2)))) == []


def test_those_placed_later_have_a_ring_and_a_key():
    texts = {text.get_text() for text in drawn(ringed=3).findobj(Text)}
    assert {"cohort", "left (20)", "not known (20)", "placed later (3)"} <= texts
    assert "placed later (3)" not in {text.get_text() for text in drawn().findobj(Text)}


def test_points_lie_in_the_svg_where_it_is_told():
    figure = drawn()
    picture = np.asarray(Image.open(io.BytesIO(rendered(figure, "png").data)).convert("RGB"))
    scale = picture.shape[0] / (figure.get_figheight() * INCH)
    for place, (x, y) in enumerate(points_of(figure, figure.axes[0], PLACES[:40]) * scale):
        wanted = np.array(to_rgb(HUES[place // 20])) * 255
        near = picture[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].reshape(-1, 3)
        assert np.abs(near - wanted).max(1).min() < 2
