"""The frame in which faces are made: 160 × 160 pixels with some room around an aligned face.

Places on a face are given in the *mean frame*, where the five landmarks lie at `MEAN_LANDMARKS`.
A person's own landmarks lie elsewhere, and a place is carried over by the smooth displacement that
lays the mean landmarks on the person's. All displacements are sums of Gaussians along the axes, so
that a whole field is one product of two small matrices.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import TEMPLATE, similarity_transform
from gestalt_space.types import Landmarks, Pixels

SIZE = 160
"""Side of the canvas in pixels."""
ZOOM = 1.2
"""Canvas pixels for a pixel of the 112 × 112 aligned face."""
OFFSET = np.array([80 - 56 * ZOOM, 78 - 56 * ZOOM], dtype=np.float32)
"""Where the aligned face's corner lies in the canvas."""
TEMPLATE_LANDMARKS: Landmarks = (TEMPLATE * ZOOM + OFFSET).astype(np.float32)
"""The ArcFace template in canvas pixels: what photos are laid on."""
MEAN_LANDMARKS: Landmarks = np.array(
    [[57.5, 73.9], [102.5, 73.9], [80.0, 100.4], [60.1, 118.5], [99.9, 118.5]], dtype=np.float32
)
"""Eyes, tip of the nose and corners of the mouth of a mean face, left and right alike."""
EYE_DISTANCE = float(MEAN_LANDMARKS[1, 0] - MEAN_LANDMARKS[0, 0])
"""Distance of the pupils in the mean frame, in pixels: the unit of all lengths on a face."""
REACH = 24.0
"""Standard deviation in pixels of the Gaussians that carry landmarks to landmarks."""

Field = NDArray[np.float32]
"""`(SIZE, SIZE, 2)` float32: for each pixel where it is taken from, or by how much it is moved."""

_AXIS = np.arange(SIZE, dtype=np.float32)
_GRID: Field = np.stack(np.meshgrid(_AXIS, _AXIS), axis=-1)


def gaussians(
    centres: NDArray[np.floating], widths: NDArray[np.floating], amounts: NDArray[np.floating]
) -> NDArray[np.float32]:
    """The sum of `n` Gaussians with `c` amounts each, `(c, SIZE, SIZE)` float32.

    `centres` and `widths`: `(n, 2)`, x and y in pixels; `amounts`: `(n, c)`.
    """
    bells = np.exp(-0.5 * np.square((_AXIS - centres[:, :, None]) / widths[:, :, None]))
    bells = bells.astype(np.float32)
    weighted = amounts.T.astype(np.float32)[:, None, :] * bells[:, 1].T
    return np.asarray(weighted @ bells[:, 0], dtype=np.float32)


def carrying_weights(source: Landmarks, target: Landmarks) -> NDArray[np.float32]:
    """`(5, 2)` weights of the Gaussians at `source` that carry it exactly to `target`."""
    apart = np.square(source[:, None] - source[None]).sum(axis=-1)
    bells = np.exp(-0.5 * apart / REACH**2)
    return np.asarray(np.linalg.solve(bells, target - source), dtype=np.float32)


def carry(points: NDArray[np.floating], source: Landmarks, target: Landmarks) -> Landmarks:
    """Carry `(n, 2)` points by the smooth displacement that lays `source` on `target`."""
    apart = np.square(points[:, None] - source[None]).sum(axis=-1)
    moved = points + np.exp(-0.5 * apart / REACH**2) @ carrying_weights(source, target)
    return np.asarray(moved, dtype=np.float32)


def reshape(pixels: Pixels, source: Landmarks, target: Landmarks) -> Pixels:
    """Move a face's landmarks from `source` to `target`, and what lies around them smoothly."""
    widths = np.full((5, 2), REACH, dtype=np.float32)
    shift = gaussians(target, widths, carrying_weights(target, source))
    return warp(pixels, shift.transpose(1, 2, 0))


def warp(pixels: Pixels, shift: Field) -> Pixels:
    """Take each pixel from `shift` beside its own place."""
    return np.asarray(
        cv2.remap(pixels, _GRID + shift, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        dtype=pixels.dtype,
    )


def values_at(picture: NDArray[np.float32], points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Values `(n,)` of a picture `(SIZE, SIZE)` at `(n, 2)` points, between pixels too."""
    places = points.astype(np.float32)[:, None, :]
    values = cv2.remap(picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values[:, 0], dtype=np.float32)


def lay_on_canvas(pixels: Pixels, landmarks: Landmarks) -> tuple[Pixels, Landmarks]:
    """Cut a photo's face out in the canvas frame; where the photo ends its border goes on.

    Returns the canvas `(SIZE, SIZE, 3)` uint8 and the landmarks in it.
    """
    matrix = similarity_transform(landmarks, TEMPLATE_LANDMARKS)
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    if scale < 0.7:  # smaller first, so that fine texture does not turn into noise
        shrink = max(scale * 1.2, 1.0 / max(pixels.shape[:2]))
        pixels = np.asarray(
            cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8
        )
        matrix[:, 2] += matrix[:, :2].sum(axis=1) * (0.5 / shrink - 0.5)  # from middle to middle
        matrix[:, :2] /= shrink
    canvas = cv2.warpAffine(
        pixels, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    whole = similarity_transform(landmarks, TEMPLATE_LANDMARKS)
    return np.asarray(canvas, np.uint8), np.asarray(
        landmarks @ whole[:, :2].T + whole[:, 2], dtype=np.float32
    )
