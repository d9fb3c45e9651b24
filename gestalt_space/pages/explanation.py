"""What in a face speaks for a line, as a page: maps, regions, the reference patient, the check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from markupsafe import Markup

from gestalt_space.atomic_files import check_new_file, write_atomically
from gestalt_space.explain.explanation import ExplainedLine, Explanation
from gestalt_space.explain.face_map import on_photo
from gestalt_space.explain.methods import METHODS
from gestalt_space.explain.words import balance_in_words, regions_in_words, similarity_of_maps
from gestalt_space.figures.charts import ShareWithInterval, shares_figure
from gestalt_space.figures.face_maps import with_map
from gestalt_space.pages.environment import ENDINGS, render
from gestalt_space.pages.pictures import Drawings, EmbeddedPicture, picture
from gestalt_space.types import Pixels

GENERATOR = "gestalt-space explain"
ENLARGED = 3
"""Pixels of the page for one of an aligned face."""
LONGEST = 720
"""Pixels of the longer side of the photo on the page, at the most."""


@dataclass(frozen=True)
class _ShownLine:
    """A line as the page shows it."""

    id: str
    title: str
    words: str
    balance: str
    map: EmbeddedPicture
    reference: EmbeddedPicture | None
    line: ExplainedLine
    chart: Markup | None


def write_explanation_page(made: Explanation, path: Path, *, overwrite: bool = False) -> None:
    """Write the page. Raises `OutputError`, and `UsageError` for an ending other than `.html`."""
    check_new_file(path, ENDINGS, overwrite=overwrite)
    # A name of a file need not be Unicode.
    write_atomically(path, explanation_page(made).encode("utf-8", "replace"))


def explanation_page(made: Explanation) -> str:
    """The page as HTML. It has the photo in it."""
    drawings = Drawings()
    height, width = made.pixels.shape[:2]
    laid = on_photo(made.line.face_map.values, made.face.landmarks, height, width)
    photo = picture(_small(with_map(made.pixels, laid)))
    return render(
        "explanation.html",
        maker=GENERATOR,
        made=made,
        told=METHODS[made.method].told,
        photo=photo,
        crop=picture(_enlarged(made.face.crop)),
        line=_shown(made, made.line, drawings),
        against=None if made.against is None else _shown(made, made.against, drawings),
        compared=None if made.correlation is None else similarity_of_maps(made.correlation),
        repeats=len(made.line.face_map.repeats),
    )


def _shown(made: Explanation, line: ExplainedLine, drawings: Drawings) -> _ShownLine:
    title = f"{line.name} ({line.id})" if line.name else line.id
    crop = None if line.reference is None else line.reference.crop
    shares = sorted(line.face_map.shares().items(), key=lambda item: -item[1].value)
    chart = None
    if not line.face_map.is_blank:
        bars = [
            ShareWithInterval(name, share.value, share.low, share.high) for name, share in shares
        ]
        figure = shares_figure([("share of the map", bars)], dots=True, width=2.2)
        chart = drawings.add(figure, f"Shares of regions for {title}")
    return _ShownLine(
        id=line.id,
        title=title,
        words=_unbroken(regions_in_words(line.face_map)),
        balance=_unbroken(balance_in_words(line.face_map)),
        map=picture(with_map(made.face.crop, line.face_map.values, ENLARGED)),
        reference=None if crop is None else picture(_enlarged(crop)),
        line=line,
        chart=chart,
    )


def _enlarged(crop: Pixels) -> Pixels:
    side = ENLARGED * len(crop)
    return np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _small(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scale = LONGEST / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _unbroken(text: str) -> str:
    """A text with its percentages kept on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")
