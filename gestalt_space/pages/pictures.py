"""Photos and figures as parts of a page."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from gestalt_space.figures.saving import page_svg
from gestalt_space.types import Pixels

JPEG_QUALITY = 90
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'(\bid="|href="#|url\(#)')


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A photo that lies in the page: its address is the picture itself."""

    address: str
    width: int
    height: int


def picture(pixels: Pixels) -> EmbeddedPicture:
    """RGB pixels `(h, w, 3)` as a JPEG in the page."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    written, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), settings)
    assert written, "OpenCV writes any RGB image as JPEG"  # noqa: S101
    text = base64.b64encode(bytes(data)).decode("ascii")
    return EmbeddedPicture(f"data:image/jpeg;base64,{text}", pixels.shape[1], pixels.shape[0])


class Drawings:
    """The figures of one page. Those of matplotlib use the same identifiers, so each gets a prefix
    of its own."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def add(self, figure: Figure, alt: str) -> Markup:
        """A figure as an SVG element. `alt`: what it shows, in words, for a screen reader."""
        text, _ = page_svg(figure, alt)
        # What matplotlib says of itself, and a style that would be one of the whole page.
        text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
        own = rf"\g<1>f{next(self._numbers)}-"
        text = _TAG.sub(lambda tag: _ID.sub(own, tag[0]), text)
        return Markup(text)  # noqa: S704 - matplotlib has escaped its texts
