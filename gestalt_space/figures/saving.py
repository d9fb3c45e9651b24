"""Figures as files: PNG, SVG and PDF, the same bytes for the same figure."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.figures.fonts import families_for
from gestalt_space.figures.pictures import smaller
from gestalt_space.figures.style import (
    EMPTY,
    FAINT,
    HUES,
    INK,
    LINE,
    PALE,
    PAPER,
    TURNS,
    styled,
)

Format = Literal["png", "svg", "pdf"]
ENDINGS = (".png", ".svg", ".pdf")
_DATELESS = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
ON_PAGES = {
    INK: "--ink",
    FAINT: "--faint",
    LINE: "--line",
    PAPER: "--paper",
    PALE: "--pale",
    EMPTY: "--empty",
    TURNS[0]: "--turn-1",
    TURNS[1]: "--turn-2",
    **{colour: f"--hue-{number}" for number, colour in enumerate(HUES)},
}
"""The names by which a page's style sheet has the colours of figures: in the dark it has others."""


@dataclass(frozen=True, slots=True)
class SavedFigure:
    """A figure as bytes. `missing`: characters that no font of this machine has; in PNG and PDF a
    question mark in a diamond stands for each, in SVG they are there, for the reader's fonts."""

    data: bytes
    missing: str


def check_figure_path(path: Path, *, overwrite: bool = False) -> None:
    """Raise where no figure can be written to `path`: `UsageError` for an ending that is none of
    `ENDINGS`, `OutputError` for a file that is there, or a folder that is not."""
    check_new_file(path, ENDINGS, overwrite=overwrite)


def save_figure(figure: Figure, path: Path | str, *, overwrite: bool = False) -> str:
    """Write a figure as the ending of `path` says, and return the characters that no font of this
    machine has. Raises `OutputError` and `UsageError`."""
    path = Path(path)
    check_figure_path(path, overwrite=overwrite)
    ending = path.suffix.lower()
    kind: Format = "png" if ending == ".png" else "svg" if ending == ".svg" else "pdf"
    made = rendered(figure, kind)
    write_atomically(path, made.data)
    return made.missing


def rendered(figure: Figure, kind: Format) -> SavedFigure:
    """A figure as a file's bytes."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    families, missing = families_for(text.get_text() for text in texts)
    stream = io.BytesIO()
    with (
        styled(),
        _also_in(texts, families),
        _without(figure, "" if kind == "svg" else missing),
    ):
        figure.savefig(stream, format=kind, metadata=_DATELESS[kind])
    data = stream.getvalue()
    return SavedFigure(smaller(data) if kind == "svg" else data, missing)


@contextmanager
def _also_in(texts: Sequence[Text], families: Sequence[str]) -> Iterator[None]:
    """Texts in further families, where their own lack a character."""
    kept = [text.get_fontfamily() for text in texts]
    try:
        for text, own in zip(texts, kept, strict=True):
            text.set_fontfamily([*own, *(name for name in families if name not in own)])
        yield
    finally:
        for text, own in zip(texts, kept, strict=True):
            text.set_fontfamily(own)


@contextmanager
def _without(figure: Figure, missing: str) -> Iterator[None]:
    """The figure with a mark in the place of each of some characters, and no font's empty box."""
    signs = str.maketrans(dict.fromkeys(missing, _UNKNOWN))
    axes = [axis for ax in figure.findobj(Axes) for axis in (ax.xaxis, ax.yaxis)] if missing else []
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)] if missing else []
    kept = [text.get_text() for text in texts]
    # Names of ticks are made anew when they are drawn.
    formatters = [axis.get_major_formatter() for axis in axes]
    try:
        for text in texts:
            text.set_text(text.get_text().translate(signs))
        for axis, before in zip(axes, formatters, strict=True):
            axis.set_major_formatter(_Translated(before, signs))
        yield
    finally:
        for text, words in zip(texts, kept, strict=True):
            text.set_text(words)
        for axis, before in zip(axes, formatters, strict=True):
            axis.set_major_formatter(before)


class _Translated(Formatter):
    def __init__(self, of: Formatter, signs: dict[int, str]) -> None:
        self._of = of
        self._signs = signs

    def __call__(self, x: float, pos: int | None = None) -> str:
        return str(self._of(x, pos)).translate(self._signs)

    def format_ticks(self, values: list[float]) -> list[str]:
        return [str(told).translate(self._signs) for told in self._of.format_ticks(values)]

    def get_offset(self) -> str:
        return str(self._of.get_offset())


def page_svg(figure: Figure, alt: str) -> tuple[str, str]:
    """A figure as an SVG element for a page, on whose light or dark paper it lies, and the
    characters that no font of this machine has. `alt`: what is shown, in words."""
    made = rendered(figure, "svg")
    text = made.data.decode("utf-8")
    text = text[text.index("<svg") :]
    for colour, variable in ON_PAGES.items():
        text = text.replace(colour, f"var({variable})")
    words = alt.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg", f'<svg role="img" aria-label="{words}"', 1), made.missing
