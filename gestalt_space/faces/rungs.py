"""The pictures that the ladder looks at, each with the way back to the photo's own pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Detection, Pixels

BORDER = 0.5
"""Border of the padded rung, in lengths of the photo's longer side."""
LARGEST_PADDED = 1600
"""Longer side of what is padded, in pixels: a border around more would only cost memory."""
RESCALED = 320
"""Longer side of the rescaled rungs, in pixels."""
TILE_OVERLAP = 128
"""Pixels of the detector's input that two tiles share: a face as large lies whole in one."""
FINEST = 2
"""Pixels of the photo for one of the detector's input, in the smallest tiles: a face of 120 pixels
is shown with 60, at the least."""
LEAST_GAIN = 1.5
"""How much longer than a tile a photo is, at the least."""
LONGEST_TILE = 2
"""How much longer than the photo's shorter side a tile is, at the most."""
LONG = 4
"""How much longer than its shorter side a photo is that is always looked at in tiles."""
MOST_TILES = 600
"""A set of more tiles is not looked at."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A picture made of the photo; `back` `(2, 3)` leads from its pixels to the photo's."""

    step: str
    picture: Pixels
    back: NDArray[np.float64]

    def found(self, detection: Detection) -> Detection:
        """What was found in the picture, in pixels of the photo."""
        x0, y0, x1, y1 = detection.box
        corners = _apply(self.back, np.array([[x0, y0], [x1, y1]]))
        return replace(
            detection,
            box=np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32),
            landmarks=_apply(self.back, detection.landmarks).astype(np.float32),
            step=self.step,
        )

    def turned(self) -> Iterator[Rung]:
        """The picture turned by 90, 180 and 270 degrees clockwise."""
        right, bottom = self.picture.shape[1] - 1, self.picture.shape[0] - 1
        for degrees, turn in (
            (90, [[0, 1, 0], [-1, 0, bottom]]),
            (180, [[-1, 0, right], [0, -1, bottom]]),
            (270, [[0, -1, right], [1, 0, 0]]),
        ):
            picture = np.ascontiguousarray(np.rot90(self.picture, -degrees // 90))
            back = _after(self.back, np.array(turn, dtype=np.float64))
            yield Rung(f"turned {degrees}", picture, back)


@dataclass(frozen=True, slots=True)
class Tile(Rung):
    """A part of the photo. `inner`: which of its sides (left, top, right, bottom) cut the photo."""

    inner: tuple[bool, bool, bool, bool]

    def cuts(self, detection: Detection) -> bool:
        """Whether a face that was found in the tile reaches over a side that cuts the photo."""
        height, width = self.picture.shape[:2]
        x0, y0, x1, y1 = (float(value) for value in detection.box)
        reaches = x0 < 0, y0 < 0, x1 > width - 1, y1 > height - 1
        return any(cut and over for cut, over in zip(self.inner, reaches, strict=True))


def upright_rungs(pixels: Pixels) -> Iterator[Rung]:
    """The photo as it is, with a border, and in another size."""
    yield Rung("as is", pixels, np.eye(2, 3))
    yield _padded("padded", _fitted(pixels, min(LARGEST_PADDED, max(pixels.shape[:2]))))
    yield _fitted(pixels, RESCALED)


def turned_rungs(pixels: Pixels, view: int) -> Iterator[Rung]:
    """The photo turned in three ways, then small and with a border, as it stands and turned."""
    yield from _fitted(pixels, min(view, max(pixels.shape[:2]))).turned()
    framed = _padded("turned 0", _fitted(pixels, RESCALED))
    yield framed
    yield from framed.turned()


def tile_sets(pixels: Pixels, view: int) -> Iterator[Iterator[Tile]]:
    """Sets of overlapping tiles that cover a photo, the largest tiles first; a tile at a time.

    `view` is the side of the detector's input. The last set's tiles have a side of `FINEST` times
    as much, those of each set before twice the side of the next. A photo in which such tiles would
    show little more than the photo itself has none, unless it is very long.
    """
    shorter, longer = sorted(pixels.shape[:2])
    sides = [FINEST * view]
    while sides[0] * 2 <= min(longer / LEAST_GAIN, shorter * LONGEST_TILE):
        sides.insert(0, sides[0] * 2)
    if sides[0] > longer / LEAST_GAIN:
        sides = [shorter * LONGEST_TILE] if longer > LONG * shorter else []
    height, width = pixels.shape[:2]
    for side in sides:
        overlap = round(side * TILE_OVERLAP / view)
        tops, lefts = _starts(height, side, overlap), _starts(width, side, overlap)
        if len(tops) * len(lefts) <= MOST_TILES:
            yield _tiles(pixels, side, tops, lefts)


def _tiles(pixels: Pixels, side: int, tops: Sequence[int], lefts: Sequence[int]) -> Iterator[Tile]:
    height, width = pixels.shape[:2]
    for top, left in product(tops, lefts):
        yield Tile(
            "tile",
            np.ascontiguousarray(pixels[top : top + side, left : left + side]),
            np.array([[1, 0, left], [0, 1, top]], dtype=np.float64),
            (left > 0, top > 0, left + side < width, top + side < height),
        )


def _starts(length: int, side: int, overlap: int) -> list[int]:
    """Where tiles begin, so that they cover a length evenly and share `overlap` at the least."""
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [round(at) for at in np.linspace(0, length - side, count)]


def _padded(step: str, rung: Rung) -> Rung:
    """A rung with a border."""
    border = round(max(rung.picture.shape[:2]) * BORDER)
    framed = cv2.copyMakeBorder(rung.picture, *(border,) * 4, cv2.BORDER_CONSTANT)
    without = np.array([[1, 0, -border], [0, 1, -border]], dtype=np.float64)
    return Rung(step, np.asarray(framed, dtype=np.uint8), _after(rung.back, without))


def _fitted(pixels: Pixels, side: int) -> Rung:
    """The photo with a longer side of so many pixels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale == 1:
        return Rung("rescaled", pixels, np.eye(2, 3))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)
    x, y = width / size[0], height / size[1]
    return Rung("rescaled", resized, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]]))


def _after(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """The `(2, 3)` transform that applies `inner`, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def _apply(transform: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ transform[:, :2].T + transform[:, 2]
    return moved
