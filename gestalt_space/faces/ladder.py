"""The ladder: a photo in which no sure face is found is padded, rescaled, then turned in four ways.

A face that fills the frame needs a border, a very large or small one another scale, and a photo
that lies on its side needs turning. Each rung remembers the way back to the photo's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.quality import roll
from gestalt_space.types import Detection, Pixels

DetectFunction = Callable[[Pixels], Sequence[Detection]]

BORDER = 0.5
"""Border of the padded rung, in lengths of the photo's longer side."""
LARGEST_PADDED = 1600
"""Longer side of what is padded, in pixels: a border around more would only cost memory."""
RESCALED = 320
"""Longer side of the rescaled rungs, in pixels."""
LYING_DEGREES = 45
"""Roll beyond which a face lies on its side."""
MARGIN = 0.1
"""How much surer a face of the turned photo has to be, for one in doubt to be given up for it."""
LEAST_SIDE = 16
GREATEST_RATIO = 16


def climb(
    pixels: Pixels, detect: DetectFunction, *, sure: float = 0.0, doubt: float = 0.0
) -> list[Detection]:
    """The faces of a photo, in its own pixels.

    The first upright rung whose surest face scores `sure` or more is taken; else the rung with the
    surest face of all, the earlier one of two alike. With `sure` at 0, the first upright rung that
    finds anything is taken, and after them the surest of the turned ones. A face that is taken with
    a score below `doubt` is given up for a much surer one of the photo turned upside down.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < LEAST_SIDE or max(height, width) > GREATEST_RATIO * min(height, width):
        return []
    climbed: list[list[Detection]] = []
    for step, image, back in _upright_rungs(pixels):
        found = [_back(detection, back, step) for detection in detect(image)]
        if found and _surest(found) >= sure:
            in_doubt = _surest(found) < doubt
            return _unless_on_its_head(pixels, detect, found) if in_doubt else found
        climbed.append(found)
    climbed += [
        [_back(detection, back, step) for detection in detect(image)]
        for step, image, back in _turned_rungs(pixels)
    ]
    return max(climbed, key=_surest)


def _unless_on_its_head(
    pixels: Pixels, detect: DetectFunction, found: list[Detection]
) -> list[Detection]:
    """What was found, unless the photo turned by 180° shows a face that is surer by `MARGIN`.

    A face whose own landmarks say that it lies on its side is kept: they may be right.
    """
    surest = max(found, key=lambda detection: detection.score)
    if abs(roll(surest.landmarks)) > LYING_DEGREES:
        return found
    step, image, back = next(rung for rung in _turned_rungs(pixels) if rung[0] == "turned 180")
    turned = [_back(detection, back, step) for detection in detect(image)]
    return turned if _surest(turned) >= surest.score + MARGIN else found


def _surest(found: Sequence[Detection]) -> float:
    return max((detection.score for detection in found), default=-1.0)


def _upright_rungs(pixels: Pixels) -> Iterator[tuple[str, Pixels, NDArray[np.float64]]]:
    yield "as is", pixels, np.eye(2, 3)
    yield "padded", *_padded(*_fitted(pixels, min(LARGEST_PADDED, max(pixels.shape[:2]))))
    yield "rescaled", *_fitted(pixels, RESCALED)


def _turned_rungs(pixels: Pixels) -> Iterator[tuple[str, Pixels, NDArray[np.float64]]]:
    framed, to_photo = _padded(*_fitted(pixels, RESCALED))
    side_x, side_y = framed.shape[1] - 1, framed.shape[0] - 1
    for degrees, image, turn in (
        (0, framed, [[1, 0, 0], [0, 1, 0]]),
        (90, np.rot90(framed, -1), [[0, 1, 0], [-1, 0, side_y]]),
        (180, np.rot90(framed, 2), [[-1, 0, side_x], [0, -1, side_y]]),
        (270, np.rot90(framed, 1), [[0, -1, side_x], [1, 0, 0]]),
    ):
        back = _after(to_photo, np.array(turn, dtype=np.float64))
        yield f"turned {degrees}", np.ascontiguousarray(image), back


def _padded(pixels: Pixels, to_photo: NDArray[np.float64]) -> tuple[Pixels, NDArray[np.float64]]:
    """An image with a border, and the way back that `to_photo` is for the image without."""
    border = round(max(pixels.shape[:2]) * BORDER)
    framed = cv2.copyMakeBorder(pixels, border, border, border, border, cv2.BORDER_CONSTANT)
    without = np.array([[1, 0, -border], [0, 1, -border]], dtype=np.float64)
    return np.asarray(framed, dtype=np.uint8), _after(to_photo, without)


def _fitted(pixels: Pixels, side: int) -> tuple[Pixels, NDArray[np.float64]]:
    """An image whose longer side is that many pixels, and the way back."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale == 1:
        return pixels, np.eye(2, 3)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)
    x, y = width / size[0], height / size[1]
    return resized, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _after(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """The `(2, 3)` transform that applies `inner`, then `outer`."""
    linear = outer[:, :2] @ inner[:, :2]
    return np.column_stack([linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def _back(detection: Detection, back: NDArray[np.float64], step: str) -> Detection:
    x0, y0, x1, y1 = detection.box
    corners = _apply(back, np.array([[x0, y0], [x1, y1]]))
    return replace(
        detection,
        box=np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32),
        landmarks=_apply(back, detection.landmarks).astype(np.float32),
        step=step,
    )


def _apply(transform: NDArray[np.float64], points: NDArray[np.floating]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ transform[:, :2].T + transform[:, 2]
    return moved
