from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from gestalt_space.figures.style import new_figure
from gestalt_space.pages.pictures import Drawings, picture
from tests import made
from tests.pages.parsed import Page


def test_a_photo_comes_back_nearly():
    drawn = made.crop(1)
    found = picture(drawn)
    kind, _, data = found.address.partition(";base64,")
    assert kind == "data:image/jpeg"
    assert (found.width, found.height) == (112, 112)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True))))
    assert np.abs(pixels.astype(int) - drawn).mean() < 4


def test_figures_of_a_page_share_no_identifier_and_bring_no_style():
    drawings = Drawings()
    texts = []
    for _ in range(2):
        figure = new_figure(2, 2)
        figure.subplots().plot([0, 1], [0, 1], "o", clip_on=True)
        figure.suptitle('id="x url(#y')
        texts.append(drawings.add(figure, "a < b"))
    first, second = (
        {found["id"] for _, found in Page(text).elements if "id" in found} for text in texts
    )
    assert first
    assert not first & second
    used = set(re.findall(r'url\(#([^)]*)\)"', texts[0]))
    assert used
    assert used <= first
    page = Page("".join(texts))
    assert [svg["aria-label"] for svg in page.of("svg")] == ["a < b"] * 2
    assert page.texts.count('id="x url(#y') == 2
    assert not {"style", "metadata"} & {tag for tag, _ in page.elements}
