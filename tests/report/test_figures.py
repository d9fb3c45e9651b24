"""Figures: what is drawn is what the arrays say."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.report import figures
from tests.pages.parsed import Page
from tests.report.test_html import pixels_of


def test_colours_run_from_dark_to_bright_and_end_there():
    values = np.array([-9.0, 0.0, 0.5, 1.0, 9.0])
    colours = figures.colours_of(values, 0.0, 1.0)
    assert colours.dtype == np.uint8
    np.testing.assert_array_equal(colours[0], colours[1])
    np.testing.assert_array_equal(colours[3], colours[4])
    np.testing.assert_array_equal(colours[1], [68, 1, 84])
    np.testing.assert_array_equal(colours[3], [253, 231, 37])


def test_lightness_rises_evenly():
    colours = figures.colours_of(np.linspace(0, 1, 200), 0, 1) / 255
    luma = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(luma @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness.reshape(10, 20).mean(axis=1))
    assert steps.min() > 0.7 * steps.mean()
    assert steps.max() < 1.3 * steps.mean()


def test_what_is_no_number_is_grey_and_equal_ends_are_no_fault():
    np.testing.assert_array_equal(figures.colours_of(np.array([np.nan]), 0, 1), [[128] * 3])
    np.testing.assert_array_equal(figures.colours_of(np.array([1.0]), 1, 1), [[68, 1, 84]])


def test_a_heat_map_has_a_pixel_for_each_cell_and_names_on_two_sides():
    matrix = np.arange(9).reshape(3, 3) / 8
    runs = [figures.Run("<one>", 1), figures.Run("two", 2)]
    page = Page(figures.heat_map(matrix, runs, low=0, high=1, alt="a map"))
    (image,) = page.of("image")
    np.testing.assert_array_equal(pixels_of(image["href"] or ""), figures.colours_of(matrix, 0, 1))
    assert page.texts == ["<one>", "<one>", "two", "two"]
    assert [svg["aria-label"] for svg in page.of("svg")] == ["a map"]
    edge = round(44 + figures.SIDE / 3, 2)
    assert {line["x1"] for line in page.of("line")} == {str(edge), "44"}


@pytest.mark.parametrize(("shape", "count"), [((3, 3), 2), ((2, 3), 2)])
def test_rows_without_a_name_are_a_fault(shape: tuple[int, int], count: int):
    with pytest.raises(ValueError, match="rows are named"):
        figures.heat_map(np.zeros(shape), [figures.Run("a", count)], low=0, high=1, alt="")


def test_a_scale_tells_its_ends():
    assert Page(figures.colour_scale(-0.25, 1, "similarity")).text == "−0.25 1.00 similarity"


def test_a_map_has_every_point_in_its_frame_and_its_title_escaped():
    places = np.array([[-3.0, 7.0], [1.0, 2.0], [5.0, -1.0]])
    drawn = figures.point_map(places, [None, 0, 1], ["a", "<b>", "c"], marked=[1], alt="points")
    page = Page(drawn)
    # Grey first, the marked one last.
    assert page.texts == ["a", "c", "<b>"]
    circles = page.of("circle")
    assert [circle.get("class") for circle in circles] == ["other", None, "ring"]
    places_drawn = [float(circle[axis] or "") for circle in circles for axis in ("cx", "cy")]
    assert all(0 < place < figures.SIDE for place in places_drawn)
    assert len(page.of("path")) == 1


def test_points_in_one_place_lie_in_the_middle():
    page = Page(figures.point_map(np.ones((2, 2)), [None, None], ["a", "b"], alt=""))
    assert {circle["cx"] for circle in page.of("circle")} == {f"{figures.SIDE / 2:.1f}"}


def test_a_key_names_groups_and_signs():
    page = Page(figures.map_key(["A<", "B"], others="rest", marked="probe"))
    assert page.texts == ["A<", "B", "rest", "probe"]
    assert len(page.of("svg")) == 4
    assert Page(figures.map_key(["A"])).texts == ["A"]


def test_colours_are_as_many_as_groups_and_all_differ_with_their_shapes():
    assert len(set(figures.COLOURS)) == 10
