"""A picture of the faces that were found in a photo: boxes and landmarks, and the aligned faces."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from gestalt_space.errors import UsageError
from gestalt_space.faces.alignment import SIZE, align
from gestalt_space.types import Face, Photo, Pixels

ENDINGS = (".jpg", ".jpeg", ".png")
LONGEST = 1600
"""Pixels of the longer side of the photo in the picture, at the most."""
ENLARGED = 3
"""Pixels of the picture for one of an aligned face."""
MARGIN = 16
MOST_CROPS = 6
"""Aligned faces that are shown, the largest."""
PAPER = (255, 255, 255)
BOX, POINT, EDGE = (255, 214, 10), (64, 224, 255), (0, 0, 0)
"""Colours in RGB; each has an edge, so that it is seen on any photo."""


def face_picture(photo: Photo, faces: Sequence[Face]) -> Pixels:
    """The photo with the box and landmarks of some of its faces, and the aligned faces beside it.

    `(h, w, 3)` RGB. The photo is at most `LONGEST` pixels long. Numbers tell several faces apart,
    the first is drawn boldest; the picture has no other text.
    """
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    shown = photo.pixels.copy()
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    thick = max(2, round(max(shown.shape[:2]) / 400))
    for place, face in reversed(list(enumerate(faces))):
        _draw(shown, face, scale, thick * (2 if place == 0 and len(faces) > 1 else 1))
    column = _crops(photo, faces)
    canvas = np.full(
        (
            max(len(shown), len(column)) + 2 * MARGIN,
            shown.shape[1] + column.shape[1] + 3 * MARGIN,
            3,
        ),
        PAPER,
        np.uint8,
    )
    _paste(canvas, shown, MARGIN)
    _paste(canvas, column, shown.shape[1] + 2 * MARGIN)
    if len(faces) > 1:
        for face in faces:
            at = (face.box[:2] + 0.5) * scale + MARGIN
            _number(canvas, face.number, (round(float(at[0])), round(float(at[1]))))
        for place, face in enumerate(faces[:MOST_CROPS]):
            top = MARGIN + place * (ENLARGED * SIZE + MARGIN)
            _number(canvas, face.number, (shown.shape[1] + 2 * MARGIN, top + MARGIN))
    return canvas


def picture_file(pixels: Pixels, ending: str) -> bytes:
    """A picture as the bytes of a file, of one of the `ENDINGS`, without any metadata. Raises
    `UsageError` for another ending."""
    if ending.lower() not in ENDINGS:
        raise UsageError(f"A picture does not end in {ending}.", f"Take {', '.join(ENDINGS)}.")
    written, data = cv2.imencode(ending.lower(), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert written, "OpenCV writes any RGB image"  # noqa: S101
    return bytes(data)


def _draw(shown: Pixels, face: Face, scale: float, thick: int) -> None:
    # The middle of a pixel stays the middle of a pixel.
    box, points = ((at + 0.5) * scale - 0.5 for at in (face.box, face.landmarks))
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    for colour, width in ((EDGE, thick + 2), (BOX, thick)):
        cv2.rectangle(shown, (x0, y0), (x1, y1), colour, width)
    radius = max(1, round(float(np.linalg.norm(points[1] - points[0])) / 20))
    for x, y in points.tolist():
        at = (round(x), round(y))
        cv2.circle(shown, at, radius + 1, EDGE, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(shown, at, radius, POINT, cv2.FILLED, cv2.LINE_AA)


def _crops(photo: Photo, faces: Sequence[Face]) -> Pixels:
    """The aligned faces under each other, their pixels enlarged and otherwise as they are."""
    rows: list[Pixels] = []
    for face in faces[:MOST_CROPS]:
        crop = align(photo.pixels, face.landmarks)
        if rows:
            rows.append(np.full((MARGIN, ENLARGED * SIZE, 3), PAPER, np.uint8))
        rows.append(crop.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1))
    return np.concatenate(rows)


def _paste(canvas: Pixels, part: Pixels, x: int) -> None:
    canvas[MARGIN : MARGIN + part.shape[0], x : x + part.shape[1]] = part


def _number(canvas: Pixels, number: int, corner: tuple[int, int]) -> None:
    """A number on a plate above a corner, all of it in the picture."""
    text, font = str(number), cv2.FONT_HERSHEY_SIMPLEX
    (wide, high), _ = cv2.getTextSize(text, font, 0.7, 2)
    x = min(max(corner[0], 0), canvas.shape[1] - wide - 8)
    y = min(max(corner[1] - high - 8, 0), canvas.shape[0] - high - 8)
    cv2.rectangle(canvas, (x, y), (x + wide + 8, y + high + 8), EDGE, cv2.FILLED)
    cv2.putText(canvas, text, (x + 4, y + high + 4), font, 0.7, BOX, 2, cv2.LINE_AA)
