"""The pictures in an SVG, as small as they can be: those of few colours with a palette."""

from __future__ import annotations

import base64
import io
import re

from PIL import Image

_PICTURE = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_MOST_COLOURS = 256


def with_small_pictures(svg: bytes) -> bytes:
    """An SVG with the same pictures in fewer bytes: a colour map has 256 colours, of which a
    palette needs one byte a cell in place of four."""
    return _PICTURE.sub(lambda found: _smaller(found[0], found[1]), svg)


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
