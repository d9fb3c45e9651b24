"""Drawings, on white paper, that are written as SVG and as PNG alike.

Sizes are in the drawing's own units, of which the PNG has `SCALE` pixels each. Colours are those of
Okabe and Ito (2008, jfly.uni-koeln.de/color), which differ with any of the usual kinds of colour
vision; shapes differ, too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gestalt_space.report.html import Markup, element, join, png_uri
from gestalt_space.types import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

INK, FAINT, PALE, PAPER = "#1d2327", "#5d676e", "#b9c0c4", "#ffffff"
HUES = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a07800"),
    *("#56b4e9", "#5b3a8c", "#e69f00", "#444444", "#8fbf3f"),
)
OTHER, UNKNOWN = -1, -2
"""Groups without a hue of their own: those beyond the largest, and what is not known."""
EMPTY = "#eceff0"
SHAPES = ("circle", "square", "triangle", "diamond", "cross")
SCALE = 2
"""Pixels for each unit of the drawing, in a PNG."""
_SMOOTH = 2
_FONT_WIDTH = 0.55
"""Of a letter on average, for each unit of its size."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, `colour` and `width`."""

    points: tuple[tuple[float, float], ...]
    colour: str = INK
    width: float = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A point in the hue and shape of group 0, 1, …; small and pale for `OTHER`, hollow for
    `UNKNOWN`. `ring`: with a ring around it; `title`: shown on hover, in SVG."""

    x: float
    y: float
    group: int = OTHER
    ring: bool = False
    title: str = ""
    size: float = 4.5


@dataclass(frozen=True, slots=True)
class Text:
    """A text that begins, has its middle, or ends (`anchor` start, middle, end) at a point of its
    base line. `turned`: read from the top downwards, and begins at the point."""

    text: str
    x: float
    y: float
    size: float = 12
    anchor: str = "start"
    colour: str = INK
    turned: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A filled rectangle, or a picture stretched into one."""

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    pixels: Pixels | None = None


Part: TypeAlias = Line | Mark | Text | Block


@dataclass(frozen=True, slots=True)
class Drawing:
    """Parts, the later ones over the earlier. `alt`: what is shown, in words."""

    width: float
    height: float
    parts: tuple[Part, ...]
    alt: str


def shortened(text: str, room: float, size: float = 12) -> str:
    """A text that takes no more than `room`, ended by … where it was longer."""
    most = max(1, int(room / (size * _FONT_WIDTH)))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def width_of(text: str, size: float = 12) -> float:
    """About how wide a text is."""
    return len(text) * size * _FONT_WIDTH


def as_svg(drawing: Drawing) -> Markup:
    """The drawing as an SVG element, for a page."""
    paper = element("rect", width=drawing.width, height=drawing.height, fill=PAPER)
    return element(
        "svg",
        paper,
        join(*(_svg_part(part) for part in drawing.parts)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {drawing.width:g} {drawing.height:g}",
        role="img",
        aria_label=drawing.alt,
        style=f"max-width:{drawing.width:g}px;color:{INK}",
        font_family="system-ui, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    )


def svg_file(drawing: Drawing) -> bytes:
    """The drawing as an SVG file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{as_svg(drawing)}\n'.encode()


def png_file(drawing: Drawing) -> bytes:
    """The drawing as a PNG file, `SCALE` pixels a unit."""
    from PIL import Image, ImageDraw

    fine = SCALE * _SMOOTH
    size = (round(drawing.width * fine), round(drawing.height * fine))
    image = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(image)
    for part in drawing.parts:
        if isinstance(part, Text) and part.turned:
            _paint_turned(image, part, fine)
        elif isinstance(part, Block) and part.pixels is not None:
            box = (round(part.width * fine), round(part.height * fine))
            picture = Image.fromarray(part.pixels).resize(box, Image.Resampling.BICUBIC)
            image.paste(picture, (round(part.x * fine), round(part.y * fine)))
        else:
            _paint(draw, part, fine)
    stream = io.BytesIO()
    smooth = (round(drawing.width * SCALE), round(drawing.height * SCALE))
    image.resize(smooth, Image.Resampling.BOX).save(
        stream, "PNG", optimize=True, dpi=(96 * SCALE, 96 * SCALE)
    )
    return stream.getvalue()


def _svg_part(part: Part) -> Markup:
    if isinstance(part, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in part.points)
        return element(
            "polyline", points=points, fill="none", stroke=part.colour, stroke_width=part.width
        )
    if isinstance(part, Text):
        return element(
            "text",
            part.text,
            x=f"{part.x:.1f}",
            y=f"{part.y:.1f}",
            font_size=part.size,
            text_anchor=part.anchor,
            style=f"fill:{part.colour}",
            transform=f"rotate(90 {part.x:.1f} {part.y:.1f})" if part.turned else None,
        )
    if isinstance(part, Block):
        place = {"x": part.x, "y": part.y, "width": part.width, "height": part.height}
        if part.pixels is None:
            return element("rect", fill=part.fill, **place)
        return element("image", href=png_uri(part.pixels), preserveAspectRatio="none", **place)
    shape = _svg_mark(part)
    title = [element("title", part.title)] if part.title else []
    return element("g", *title, shape) if title else shape


def _svg_mark(mark: Mark) -> Markup:
    outline, colour = _outline(mark), hue(mark.group)
    edge: dict[str, str | float | None] = {"stroke": _edge(mark), "stroke_width": 0.6}
    if outline is None:
        radius = mark.size * (0.7 if mark.group < 0 else 1)
        shape = element(
            "circle", cx=f"{mark.x:.1f}", cy=f"{mark.y:.1f}", r=radius, fill=colour, **edge
        )
    else:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in outline)
        shape = element("polygon", points=points, fill=colour, **edge)
    if not mark.ring:
        return shape
    ring = element(
        "circle",
        cx=f"{mark.x:.1f}",
        cy=f"{mark.y:.1f}",
        r=mark.size * 2,
        fill="none",
        stroke=INK,
        stroke_width=1.6,
    )
    return join(shape, ring)


def hue(group: int) -> str:
    """The colour of a group."""
    if group >= 0:
        return HUES[group % len(HUES)]
    return PALE if group == OTHER else EMPTY


def _edge(mark: Mark) -> str:
    return FAINT if mark.group == UNKNOWN else PAPER


def _outline(mark: Mark) -> Sequence[tuple[float, float]] | None:
    """The corners of a mark; None for a circle."""
    if mark.group < 0:
        return None
    shape = SHAPES[mark.group % len(SHAPES)]
    unit = {
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": ((0, -1.2), (1.15, 0.9), (-1.15, 0.9)),
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        "cross": (
            *((-0.4, -1.2), (0.4, -1.2), (0.4, -0.4), (1.2, -0.4), (1.2, 0.4), (0.4, 0.4)),
            *((0.4, 1.2), (-0.4, 1.2), (-0.4, 0.4), (-1.2, 0.4), (-1.2, -0.4), (-0.4, -0.4)),
        ),
    }.get(shape)
    if unit is None:
        return None
    return [(mark.x + x * mark.size, mark.y + y * mark.size) for x, y in unit]


def _paint(draw: ImageDraw, part: Part, fine: int) -> None:
    if isinstance(part, Line):
        points = [(x * fine, y * fine) for x, y in part.points]
        draw.line(points, fill=part.colour, width=max(1, round(part.width * fine)))
    elif isinstance(part, Text):
        from PIL import ImageFont

        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[part.anchor]
        font = ImageFont.load_default(part.size * fine)
        draw.text(
            (part.x * fine, part.y * fine),
            _in_font(part.text),
            fill=part.colour,
            font=font,
            anchor=anchor,
        )
    elif isinstance(part, Block):
        corner = ((part.x + part.width) * fine - 1, (part.y + part.height) * fine - 1)
        draw.rectangle(((part.x * fine, part.y * fine), corner), fill=part.fill)
    else:
        _paint_mark(draw, part, fine)


def _in_font(text: str) -> str:
    """Pillow's own font has no minus sign."""
    return text.replace("−", "-")


def _paint_turned(image: Image, part: Text, fine: int) -> None:
    from PIL import Image, ImageDraw, ImageFont

    text = _in_font(part.text)
    font = ImageFont.load_default(part.size * fine)
    _, top, width, bottom = font.getbbox(text, anchor="ls")
    strip = Image.new("L", (round(width) + 2, round(bottom - top) + 2))
    ImageDraw.Draw(strip).text((0, -top), text, fill=255, font=font, anchor="ls")
    strip = strip.transpose(Image.Transpose.ROTATE_270)
    corner = (round(part.x * fine - bottom), round(part.y * fine))
    image.paste(part.colour, corner, strip)


def _paint_mark(draw: ImageDraw, mark: Mark, fine: int) -> None:
    outline, colour = _outline(mark), hue(mark.group)
    if outline is None:
        radius = mark.size * (0.7 if mark.group < 0 else 1)
        draw.ellipse(_circle(mark, radius, fine), fill=colour, outline=_edge(mark), width=fine // 2)
    else:
        points = [(x * fine, y * fine) for x, y in outline]
        draw.polygon(points, fill=colour, outline=PAPER, width=fine // 2)
    if mark.ring:
        draw.ellipse(_circle(mark, mark.size * 2, fine), outline=INK, width=round(1.6 * fine))


def _circle(mark: Mark, radius: float, fine: int) -> tuple[float, float, float, float]:
    left, top = mark.x - radius, mark.y - radius
    return (left * fine, top * fine, (left + 2 * radius) * fine, (top + 2 * radius) * fine)
