"""Text can be read on light and on dark paper: WCAG's contrast of 4.5 : 1, and 3 : 1 for shapes."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from gestalt_space.figures.confusion import BLUE, WHITE, strength
from gestalt_space.figures.saving import ON_PAGES
from gestalt_space.pages.environment import static

TEXTS = [
    *(("ink", "paper"), ("ink", "card"), ("faint", "paper"), ("faint", "card")),
    *(("accent", "paper"), ("paper", "accent"), ("mark-ink", "paper"), ("mark-ink", "mark")),
    *(("ink", "mark"), ("faint", "mark")),
]
MODES = ("light", "dark")


def palette(mode: str) -> dict[str, str]:
    """The colours of the style sheet in a mode, by their names."""
    light, dark = re.findall(r":root \{(.*?)\}", str(static("page.css")), re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark)) if mode == "dark" else {})


def luminance(colour: np.ndarray) -> float:
    """WCAG's relative luminance of sRGB 0..1."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rgb(colour: str) -> np.ndarray:
    return np.array(to_rgb(colour))


@pytest.mark.parametrize("mode", MODES)
def test_text_is_read_on_what_it_stands_on(mode: str):
    colours = palette(mode)
    found = {(a, b): contrast(rgb(colours[a]), rgb(colours[b])) for a, b in TEXTS}
    assert {pair: value for pair, value in found.items() if value < 4.5} == {}


@pytest.mark.parametrize("mode", MODES)
def test_numbers_of_a_confusion_are_read_on_every_cell(mode: str):
    colours = palette(mode)
    shares = np.linspace(0.01, 1, 100)
    for share, covered in zip(shares, strength(shares), strict=True):
        cell = covered * rgb(BLUE) + (1 - covered) * rgb(colours["paper"])
        number = WHITE if share > 0.5 else colours["ink"]
        assert contrast(rgb(number), cell) >= 4.5, share
    assert (np.diff(strength(shares)) > 0).all()


def test_a_page_has_the_colours_of_figures_and_others_in_the_dark():
    light, dark = palette("light"), palette("dark")
    for colour, name in ON_PAGES.items():
        assert light[name.removeprefix("--")] == colour
    hues = [name for name in light if name.startswith("hue-")]
    assert all(contrast(rgb(dark[name]), rgb(dark["paper"])) >= 3 for name in hues)
    assert len({dark[name] for name in hues}) == len(hues) == 10
