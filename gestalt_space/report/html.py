"""HTML pages that need nothing beside themselves: all text is escaped, all pictures are inside."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from gestalt_space.faces.crops import crop_to_png
from gestalt_space.report.style import STYLE
from gestalt_space.types import Pixels

JPEG_QUALITY = 90
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a page may load: pictures that stand in it and its own style. Browsers hold it to that."""
_WITHOUT_END = frozenset({"br", "img", "input", "meta"})


class Markup(str):
    """Text that is HTML already. Any other text is escaped when it goes into an element."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | float | None) -> Markup:
    """An element of HTML or SVG.

    Attributes that are None are left out; `class_` is `class`, `stroke_width` is `stroke-width`.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if name in _WITHOUT_END else f"{join(*content)}</{name}>"
    return Markup(f"<{name}{given}>{end}")


def join(*parts: str) -> Markup:
    """Parts one after the other, escaped where they are not HTML already."""
    return Markup(
        "".join(part if isinstance(part, Markup) else html.escape(part) for part in parts)
    )


def section(title: str, *content: str) -> Markup:
    """A part of a page under a heading."""
    return element("section", element("h2", title), *content)


def paragraph(*content: str, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *content, class_=class_)


def figure(content: str, *caption: str, class_: str | None = None) -> Markup:
    """A picture with its caption."""
    return element("figure", content, element("figcaption", *caption), class_=class_)


def bullets(items: Iterable[str]) -> Markup:
    """A list with a dot before each item."""
    return element("ul", *(element("li", item) for item in items))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str,
    numbers: Sequence[str] = (),
    marked: Sequence[int] = (),
) -> Markup:
    """A table. `numbers`: columns set to the right; `marked`: rows, from 0, that stand out."""
    kinds = ["number" if column in numbers else None for column in columns]
    head = [
        element("th", column, scope="col", class_=kind)
        for column, kind in zip(columns, kinds, strict=True)
    ]
    body = [
        element(
            "tr",
            *(element("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)),
            class_="marked" if number in marked else None,
        )
        for number, row in enumerate(rows)
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )


def bar(share: float, text: str) -> Markup:
    """A bar as long as a share 0..1 of the room there is, and a text behind it."""
    width = f"width:{100 * min(1.0, max(0.0, share)):.1f}%"
    track = element("span", element("span", style=width), class_="track", aria_hidden="true")
    return element("span", track, element("span", text, class_="value"), class_="bar")


def picture(pixels: Pixels, alt: str, *, class_: str | None = None) -> Markup:
    """A photo, as a JPEG in the page, shown pixel by pixel."""
    height, width = pixels.shape[:2]
    return element("img", src=jpeg_uri(pixels), alt=alt, width=width, height=height, class_=class_)


def jpeg_uri(pixels: Pixels) -> str:
    """RGB pixels as an address that is itself the picture: for photos."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    written, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), settings)
    assert written, "OpenCV writes any RGB image as JPEG"  # noqa: S101
    return _data_uri("image/jpeg", bytes(data))


def png_uri(pixels: Pixels) -> str:
    """RGB pixels as an address that is itself the picture: for drawings, to the pixel."""
    return _data_uri("image/png", crop_to_png(pixels))


def page(title: str, *content: str, generator: str, script: str = "") -> str:
    """A whole page, which loads nothing from anywhere. `generator`: what made it; `script`: the one
    program that the browser may run in it, by its hash."""
    policy, end = POLICY, []
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        policy = f"{POLICY}; script-src 'sha256-{digest}'"
        end = [element("script", Markup(script))]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=generator),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    body = element("body", element("main", *content), *end)
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
