from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from gestalt_space.figures.heat_map import HeatMap, heat_map_figure
from gestalt_space.figures.pictures import _PICTURE, smaller, with_small_pictures
from gestalt_space.figures.saving import rendered


def test_a_matrix_is_a_picture_of_a_pixel_for_each_cell():
    values = np.random.default_rng(0).normal(size=(40, 40))
    figure = heat_map_figure(HeatMap(values, [""] * 40, None, (), "u"), "")
    svg = rendered(figure, "svg").data
    sizes = [
        Image.open(io.BytesIO(base64.b64decode(found[1]))).size for found in _PICTURE.finditer(svg)
    ]
    assert (40, 40) in sizes


def test_an_svg_in_fewer_bytes_draws_the_same():
    style = b' style="fill: #0072b2"'
    uses = b"".join(
        b'<use xlink:href="#m" x="%d.123456" y="-0.001"%s/>' % (n, style) for n in (1, 2)
    )
    other = b'<path d="M 0.5 1.987654 \nL 2 3" style="x: 0.123456"/><text x="1">1.23456</text>'
    assert smaller(uses + other) == (
        b"<g" + style + b'><use xlink:href="#m" x="1.12" y="0"/><use xlink:href="#m" x="2.12" '
        b'y="0"/></g><path d="M 0.5 1.99 \nL 2 3" style="x: 0.123456"/><text x="1">1.23456</text>'
    )


def test_pictures_of_few_colours_are_smaller_and_the_same():
    rng = np.random.default_rng(0)
    few = rng.integers(0, 255, (200, 3))[rng.integers(0, 200, (50, 50))].astype(np.uint8)
    many = rng.integers(0, 255, (50, 50, 3)).astype(np.uint8)
    for pixels, is_smaller in ((few, True), (many, False)):
        stream = io.BytesIO()
        Image.fromarray(pixels).convert("RGBA").save(stream, "PNG")
        svg = b'<image href="data:image/png;base64,' + base64.b64encode(stream.getvalue()) + b'"/>'
        small = with_small_pictures(svg)
        assert (len(small) < len(svg)) == is_smaller
        (found,) = _PICTURE.finditer(small)
        again = Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB")
        assert (np.asarray(again) == pixels).all()
