"""An SVG in fewer bytes: pictures of few colours with a palette, places to a hundredth of a point,
and one style for all of a group."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

_PICTURE = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_PLACES = re.compile(rb'\b(?:d|x|y)="[^"]*"')
_NUMBER = re.compile(rb"-?\d+\.\d{3,}")
_ALIKE = re.compile(
    rb'<(path d|use xlink:href)="[^"]*"(?: x="[^"]*" y="[^"]*")?'
    rb'((?: clip-path="[^"]*")? style="[^"]*")/>'
    rb'(?:\s*<\1="[^"]*"(?: x="[^"]*" y="[^"]*")?\2/>)+'
)
"""Shapes one after the other of the same style, which is the second group."""
_MOST_COLOURS = 256


def smaller(svg: bytes) -> bytes:
    """The same SVG in fewer bytes: what is drawn stays where it is to the eye."""
    short = _PLACES.sub(lambda found: _NUMBER.sub(_short, found[0]), with_small_pictures(svg))
    return _ALIKE.sub(_grouped, short)


def _grouped(found: re.Match[bytes]) -> bytes:
    style = found[2]
    return b"<g" + style + b">" + found[0].replace(style, b"") + b"</g>"


def with_small_pictures(svg: bytes) -> bytes:
    """An SVG with the same pictures in fewer bytes: a colour map has 256 colours, of which a
    palette needs one byte a cell in place of four."""
    return _PICTURE.sub(lambda found: _smaller(found[0], found[1]), svg)


def _short(number: re.Match[bytes]) -> bytes:
    text = f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
    return b"0" if text == "-0" else text.encode()


def _smaller(whole: bytes, encoded: bytes) -> bytes:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as opened:
        picture = opened.convert("RGBA")
    colours = picture.convert("RGB").getcolors(_MOST_COLOURS)
    if colours is None or picture.getchannel("A").getextrema() != (255, 255):
        return whole
    stream = io.BytesIO()
    picture.convert("RGB").quantize(len(colours), dither=Image.Dither.NONE).save(stream, "PNG")
    data = base64.b64encode(stream.getvalue())
    return min(whole, b"data:image/png;base64," + data, key=len)
