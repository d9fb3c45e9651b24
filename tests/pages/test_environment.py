from __future__ import annotations

from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from gestalt_space.pages.environment import render, static

STATIC = [path.name for path in (files("gestalt_space.pages") / "static").iterdir()]


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(UndefinedError, match="source"):
        render("point_map.html", maker="tests", count=1, maps=[])


def test_who_made_a_page_stands_at_its_beginning():
    words = {"count": 1, "source": "s", "method": "m", "is_bent": True, "space": "x"}
    text = render("point_map.html", maker="<tests>", fingerprint="f", maps=[], words=["<"], **words)
    assert "&lt;tests&gt;" in text[:500]
    assert '["\\u003c"]' in text


@pytest.mark.parametrize("name", STATIC)
def test_what_goes_into_a_page_as_it_is_ends_no_element_and_loads_nothing(name: str):
    text = static(name)
    assert "</" not in text
    assert "@import" not in text
    assert "url(" not in text
    assert "://" not in text


def test_scripts_are_short():
    lines = sum(static(name).count("\n") for name in STATIC if name.endswith(".js"))
    assert 0 < lines < 300


def test_colours_are_for_light_and_dark_screens_and_for_paper():
    style = static("page.css")
    assert "@media screen and (prefers-color-scheme: dark)" in style
    assert "@media print" in style
