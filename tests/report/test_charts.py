from __future__ import annotations

import numpy as np

from gestalt_space.report.charts import (
    COLOURS,
    DASHES,
    Bar,
    Line,
    bar_chart,
    curve_chart,
    dot_chart,
    line_key,
)
from tests.pages.parsed import Page

BARS = [Bar("nearest", 0.5, 0.4, 0.6), Bar("<b>", 1.0, 0.9, 1.2, "n = 3", faint=True)]


def test_bars_are_as_long_as_their_shares() -> None:
    page = Page(bar_chart([("top-1", BARS)], alt="shares"))
    first, second = (float(rect["width"] or 0) for rect in page.of("rect"))
    assert second == 2 * first
    assert page.of("svg")[0]["aria-label"] == "shares"
    assert "nearest: 50.0 % (40.0–60.0 %)" in page.text
    assert "<b>" in page.text
    assert page.open == []


def test_dots_of_parts_that_are_too_small_are_pale() -> None:
    page = Page(dot_chart([("sex", BARS)], alt="parts"))
    assert len(page.of("circle")) == 2
    assert [group.get("opacity") for group in page.of("g")].count("0.4") == 1
    assert "100 %, n = 3" in page.text


def test_curves_are_told_apart_by_more_than_colour() -> None:
    line = Line("a", np.linspace(0, 1, 9), np.linspace(0, 1, 9) ** 0.5)
    page = Page(curve_chart([line, line], x="x", y="y", alt="curves"))
    first, second = page.of("polyline")
    assert first["stroke"] != second["stroke"]
    assert first.get("stroke-dasharray") != second.get("stroke-dasharray")
    assert len(set(COLOURS)) == len(set(DASHES)) == len(COLOURS)
    assert "one two" in Page(line_key(["one", "two"])).text


def test_a_curve_of_many_points_is_thinned_and_keeps_its_ends() -> None:
    x = np.concatenate([np.zeros(5000), np.linspace(0, 1, 5000)])
    y = np.concatenate([np.linspace(0, 0.8, 5000), np.full(5000, 0.8)])
    chart = Page(curve_chart([Line("a", x, y)], x="x", y="y", alt="c"))
    places = (chart.of("polyline")[0]["points"] or "").split()
    assert len(places) < 500
    assert (places[0], places[-1]) == ("46.0,370.0", "406.0,82.0")
    corner = [abs(float(p.split(",")[0]) - 46) + abs(float(p.split(",")[1]) - 82) for p in places]
    assert min(corner) < 2
