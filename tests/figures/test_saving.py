"""Figures as files: text stays text, and the same figure has the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from gestalt_space.errors import OutputError, UsageError
from gestalt_space.figures import fonts, saving
from gestalt_space.figures.charts import ShareWithInterval, shares_figure
from gestalt_space.figures.saving import check_figure_path, page_svg, rendered, save_figure
from gestalt_space.figures.style import styled
from gestalt_space.paths import display_name

SVG = "http://www.w3.org/2000/svg"
PROGRAM = """
import sys
from tests.figures.test_saving import figure_of
from gestalt_space.figures.saving import save_figure
for ending in ("png", "svg", "pdf"):
    save_figure(figure_of("Zoë $x$"), f"{sys.argv[1]}/m.{ending}")
"""


def figure_of(name: str) -> Figure:
    return shares_figure([("group", [ShareWithInterval(name, 0.5, 0.4, 0.6)])])


def unicode_of(pdf: bytes) -> set[int]:
    """The characters that the fonts of a PDF say they stand for."""
    found: set[int] = set()
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            text = zlib.decompress(part)
        except zlib.error:
            continue
        for listed in re.findall(rb"\[(<[^\]]*)\]", text) if b"beginbf" in text else ():
            codes = bytes.fromhex(listed.decode().translate(str.maketrans("", "", "<> ")))
            found |= set(map(ord, codes.decode("utf-16-be")))
    return found


@pytest.fixture
def one_weight(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose font for Chinese has one weight alone, which is not the usual one."""
    manager = font_manager.fontManager
    own = next(one for one in manager.ttflist if one.name == fonts.OWN and one.style == "normal")
    only = replace(own, name=fonts.KNOWN[0], weight=500)
    kept = [one for one in manager.ttflist if one.name not in fonts.KNOWN]
    monkeypatch.setattr(manager, "ttflist", [*kept, only])
    monkeypatch.setattr(fonts, "_look_again", lambda: None)
    for cached in (fonts.usual, manager._findfont_cached):
        cached.cache_clear()
    yield
    for cached in (fonts.usual, manager._findfont_cached):
        cached.cache_clear()


@pytest.mark.usefixtures("one_weight")
def test_matplotlib_says_nothing_of_weights_that_a_font_lacks(caplog: pytest.LogCaptureFixture):
    font_manager.findfont(fonts.KNOWN[0])
    assert "Failed to find font weight" in caplog.text
    font_manager.fontManager._findfont_cached.cache_clear()
    caplog.clear()
    assert fonts.KNOWN[0] in fonts.usual()
    for kind in ("png", "svg", "pdf"):
        rendered(figure_of("Zoë"), kind)
    assert caplog.text == ""


def test_two_runs_write_the_same_bytes(tmp_path: Path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    subprocess.run(command, check=True, timeout=120, cwd=Path(__file__).parents[2])
    figure = figure_of("Zoë $x$")
    for ending in ("png", "svg", "pdf"):
        before = (tmp_path / f"m.{ending}").read_bytes()
        assert rendered(figure, ending).data == before
        assert rendered(figure, ending).data == before, "nor is it changed by being drawn"


def test_names_are_text_in_vector_files():
    figure = figure_of("Zoë Ωmega $x$")
    assert ">Zoë Ωmega $x$<" in rendered(figure, "svg").data.decode()
    assert set(map(ord, "ZoëΩmega$x")) <= unicode_of(rendered(figure, "pdf").data)


def test_characters_that_no_font_has_are_told_and_never_boxes(monkeypatch: pytest.MonkeyPatch):
    figure = figure_of("aΩb")
    monkeypatch.setattr(saving, "families_for", lambda texts: ((fonts.OWN,), "Ω"))
    assert rendered(figure, "png").missing == "Ω"
    drawn = unicode_of(rendered(figure, "pdf").data)
    assert 0xFFFD in drawn
    assert ord("Ω") not in drawn
    assert ">aΩb<" in rendered(figure, "svg").data.decode()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()][1] == "aΩb"


@pytest.mark.parametrize("name", ["a\udcff", "b\x0b", "c\nd", "$\\frac{x", "<script>&", "\u202ee"])
def test_any_name_is_drawn_as_text(name: str):
    for kind in ("png", "svg", "pdf"):
        data = rendered(figure_of(name), kind).data
        if kind == "svg":
            texts = [one.text for one in ElementTree.fromstring(data).iter(f"{{{SVG}}}text")]
            assert display_name(name) in texts


def test_chinese_is_drawn_where_a_font_has_it_and_told_where_none_has():
    figure = figure_of("臺北")
    made = rendered(figure, "pdf")
    has = fonts.families_for("臺北")[1] == ""
    assert made.missing == ("" if has else "北臺")
    assert ({ord("臺"), ord("北")} <= unicode_of(made.data)) == has


def test_a_font_that_was_installed_later_is_found(monkeypatch: pytest.MonkeyPatch):
    manager = font_manager.fontManager
    path = str(next(one.fname for one in manager.ttflist if one.name == fonts.OWN))
    monkeypatch.setattr(manager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path])
    fonts._look_again()
    assert [one.name for one in manager.ttflist] == [fonts.OWN]


def test_a_figure_of_ones_own_gets_fonts_for_its_names():
    with styled():
        figure = Figure()
    figure.text(0, 0, "mine", fontfamily="serif")
    families = figure.texts[0].get_fontfamily()
    rendered(figure, "svg")
    assert figure.texts[0].get_fontfamily() == families


def test_a_page_gets_an_element_on_its_own_paper():
    text, missing = page_svg(figure_of("Zoë"), 'of "<b>"')
    assert text.startswith('<svg role="img" aria-label="of &quot;&lt;b>&quot;"')
    assert "var(--ink)" in text
    assert "var(--paper)" in text
    assert missing == ""


def test_figures_that_cannot_be_written_are_refused_before(tmp_path: Path):
    with pytest.raises(UsageError, match="does not end in"):
        check_figure_path(tmp_path / "m.tiff")
    with pytest.raises(OutputError, match="no folder"):
        check_figure_path(tmp_path / "none" / "m.png")
    assert save_figure(figure_of("a"), tmp_path / "m.png") == ""
    with pytest.raises(OutputError, match="exists"):
        save_figure(figure_of("a"), tmp_path / "m.png")
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
