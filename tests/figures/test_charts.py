"""Charts of shares and curves, confusion and faces."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import rcParams, style
from matplotlib.figure import Figure
from matplotlib.text import Text

from gestalt_space.cohort.composite import Composite
from gestalt_space.figures.charts import (
    Curve,
    ShareWithInterval,
    curves_figure,
    draw_curves,
    shares_figure,
)
from gestalt_space.figures.confusion import confusion_figure, draw_confusion
from gestalt_space.figures.faces import composite_figure, faces_figure
from gestalt_space.figures.style import HUES

SHARES = [
    ShareWithInterval("nearest", 0.5, 0.4, 0.6),
    ShareWithInterval("mean", 1.0, 0.9, 1.2, "n = 3", faint=True),
]


def test_bars_are_as_long_as_their_shares_and_end_where_their_intervals_do():
    ax = shares_figure([("top-1", SHARES)]).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [0.5, 1.0]
    (segment,) = ax.collections[0].get_segments()
    assert segment[:, 0].tolist() == pytest.approx([0.4, 0.6])
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == ["top-1", "nearest", "mean"]
    assert [label.get_fontweight() for label in labels] == ["bold", "normal", "normal"]
    assert {"50 %", "100 %, n = 3"} <= {text.get_text() for text in ax.findobj(Text)}


def test_what_is_of_too_few_is_pale():
    ax = shares_figure([("sex", SHARES)], dots=True).axes[0]
    assert [line.get_alpha() for line in ax.lines if line.get_marker() == "o"] == [1, 0.4]


def test_curves_are_told_apart_by_more_than_colour():
    x = np.linspace(0, 1, 5000)
    ax = curves_figure([Curve(name, x, x**0.5) for name in "abcdef"], x="x", y="y").axes[0]
    chance, *curves = ax.lines
    assert chance.get_xdata().tolist() == chance.get_ydata().tolist() == [0, 1]
    signs = {(line.get_color(), str(line._dash_pattern)) for line in curves}
    assert len(signs) == 6
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list("abcdef")


def test_axes_that_others_made_have_the_same_sizes_of_text():
    with style.context({"axes.labelsize": 30, "ytick.labelsize": 30}):
        one, other = Figure().subplots(1, 2)
    draw_curves(one, [], x="x", y="y")
    draw_confusion(other, np.eye(2, dtype=np.int64), ["a", "b"])
    assert one.xaxis.label.get_fontsize() == other.yaxis.label.get_fontsize() == 8
    assert {label.get_fontsize() for label in one.get_yticklabels()} == {7}


def test_a_confusion_has_counts_and_shares_of_its_rows():
    counts = np.array([[3, 1], [0, 4]])
    ax = confusion_figure(counts, ["Zoë", "b"], title="t").axes[0]
    assert [text.get_text() for text in ax.texts] == ["3", "1", "4"]
    drawn = ax.images[0].get_array()[..., 3]
    assert drawn[1].tolist() == [0, 1]
    assert drawn[0, 1] < 0.5 < drawn[0, 0] < 1
    many = confusion_figure(np.eye(200, dtype=np.int64), [f"d{n}" for n in range(200)]).axes[0]
    assert len(many.texts) == 0
    assert len(many.get_yticks()) < 100


def test_faces_stand_in_rows_of_six_under_their_titles():
    face = np.zeros((8, 8, 3), np.uint8)
    figure = faces_figure([(f"group {number}", face) for number in range(8)])
    assert len(figure.axes) == 12
    assert [ax.get_title() for ax in figure.axes][:8] == [f"group {n}" for n in range(8)]
    assert sum(bool(ax.images) for ax in figure.axes) == 8


def test_a_composite_has_its_scale_and_of_whom_it_is():
    made = Composite(np.zeros((336, 336, 3), np.uint8), (105.5, 230.5), 1, 7, 9, 0, True)
    figure = composite_figure(made, "Average face: ORPHA:199")
    ax = figure.axes[0]
    (scale,) = ax.lines
    assert scale.get_xdata() == pytest.approx(made.eyes)
    assert tuple(ax.axis()) == (-0.5, 335.5, 335.5, -0.5)
    told = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "Average face: ORPHA:199" in told
    assert "7 patients from 1 family, 9 photos" in told
    assert "Sharpened" in told


def test_the_style_can_be_used_by_its_name():
    with style.context("gestalt_space.figures.gestalt"):
        assert rcParams["axes.prop_cycle"].by_key()["color"] == list(HUES)
        assert rcParams["svg.fonttype"] == "none"
