"""Pages: escaped, whole, and in need of nothing beside themselves."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from gestalt_space.report import html
from gestalt_space.report.style import STYLE
from tests import made
from tests.report.pages import Page

NASTY = """<script>alert("1")</script> & 'x'"""


def pixels_of(uri: str) -> np.ndarray:
    kind, _, data = uri.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
    assert kind == f"data:image/{(image.format or '').lower()}"
    return np.asarray(image.convert("RGB"))


def test_text_and_attributes_are_escaped_and_come_back():
    parsed = Page(html.element("p", NASTY, title=NASTY))
    assert parsed.elements == [("p", {"title": NASTY})]
    assert parsed.texts == [NASTY]


def test_what_is_html_already_is_not_escaped_again():
    inner = html.element("b", "a & b")
    assert html.element("p", inner, " <") == "<p><b>a &amp; b</b> &lt;</p>"
    assert html.join(inner, "<") == "<b>a &amp; b</b>&lt;"


def test_an_attribute_is_escaped_even_where_it_is_html():
    assert html.element("a", title=html.Markup('"<')) == '<a title="&quot;&lt;"></a>'


def test_names_of_attributes():
    found = html.element("i", class_="c", stroke_width=1.5, viewBox="0", left_out=None)
    assert found == '<i class="c" stroke-width="1.5" viewBox="0"></i>'


def test_elements_without_an_end_have_none():
    assert html.element("br") == "<br>"
    assert html.element("img", alt="") == '<img alt="">'


def test_a_page_is_whole_and_loads_nothing():
    text = html.page("A < B", html.section("One", html.paragraph("text")), generator="tests")
    page = Page(text)
    assert page.open == []
    assert text.startswith("<!DOCTYPE html>\n<html lang")
    assert page.addresses == []
    assert {"charset": "utf-8"} in page.of("meta")
    policy = [meta["content"] for meta in page.of("meta") if "http-equiv" in meta]
    assert policy == [html.POLICY]
    assert page.text == "A < B One text"


def test_the_style_is_for_light_and_dark_and_reaches_for_nothing():
    assert "prefers-color-scheme: dark" in STYLE
    assert "@import" not in STYLE
    assert "url(" not in STYLE
    assert "<" not in STYLE


def test_a_drawing_comes_back_to_the_pixel_and_a_photo_nearly():
    drawing = made.crop(1)
    np.testing.assert_array_equal(pixels_of(html.png_uri(drawing)), drawing)
    (image,) = Page(html.picture(drawing, "a < b")).of("img")
    assert image["alt"] == "a < b"
    assert (image["width"], image["height"]) == ("112", "112")
    found = pixels_of(image["src"] or "")
    assert np.abs(found.astype(int) - drawing).mean() < 4


def test_a_table_marks_rows_and_sets_numbers_to_the_right():
    page = Page(html.table(("a", "n"), [("x", "1"), ("y", "2")], caption="c", numbers=["n"]))
    assert page.text == "c a n x 1 y 2"
    assert [cell.get("class") for cell in page.of("td")] == [None, "number"] * 2
    page = Page(html.table(("a",), [("x",), ("y",)], caption="c", marked=[1]))
    assert [row.get("class") for row in page.of("tr")] == [None, None, "marked"]


def test_a_row_that_does_not_fit_is_a_fault():
    with pytest.raises(ValueError, match="zip"):
        html.table(("a", "b"), [("x",)], caption="c")


@pytest.mark.parametrize(("share", "width"), [(-0.2, "0.0"), (0.25, "25.0"), (1.5, "100.0")])
def test_a_bar_stays_in_its_room(share: float, width: str):
    assert f"width:{width}%" in html.bar(share, "text")
