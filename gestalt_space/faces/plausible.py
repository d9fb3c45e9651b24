"""Whether five points can be those of a face of the photo: files and detectors may give nonsense.

Nothing here knows what a face looks like. It keeps out what would make a black, mirrored or
crumpled aligned face, and says what was found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE, TEMPLATE, similarity_transform
from gestalt_space.types import Box, Detection, Pixels

LEAST_INSIDE = 3
"""Points of the five that lie in the photo: a face may fill the frame and be cut by it."""
LEAST_SHOWN = 0.25
"""Share of the aligned face that the photo shows; the rest is black."""
LEAST_WIDTH = 24
"""Pixels of the photo across the aligned face. The eyes are then about 8 pixels apart."""
LEAST_FLATNESS = 0.1
"""Spread of the points across their longest direction, in spreads along it."""
LEAST_WIDE = 0.2
"""Distance between the eyes and the corners of the mouth, in heights of the face, from which left
and right can be told: in a profile they fall together."""
NOSE_BEYOND = 0.3
"""How far the tip of the nose may lie above the eyes or below the mouth, as a share of the distance
between them: heads look up and down."""
MOST_AWAY = 18.0
"""Root mean square distance of the points to the template, in pixels of the aligned face."""
BOX_SIDES = (0.6, 8.0)
"""Least and greatest longer side of the box, in longer sides of the points' own box."""


def implausible(detection: Detection, width: int, height: int) -> str:
    """Why the detection cannot be a face of a photo of that size, as a sentence; else `""`."""
    points = detection.landmarks.astype(np.float64)
    if not (np.isfinite(points).all() and np.isfinite(detection.box).all()):
        return "The landmarks are not finite numbers."
    return (
        _outside(points, width, height)
        or _crumpled(points)
        or _mirrored(points)
        or _unlike_a_face(points, width, height)
        or _box_elsewhere(points, detection.box)
    )


def is_blank(crop: Pixels) -> bool:
    """Whether an aligned face is of one colour."""
    return bool((crop == crop[0, 0]).all())


def _outside(points: NDArray[np.float64], width: int, height: int) -> str:
    if points.min() >= 0 and points.max() <= 1:
        return "All numbers are between 0 and 1. They must be pixels, not shares of the photo."
    if _inside(points, width, height) >= LEAST_INSIDE:
        return ""
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    lie = (
        f"The points are at x {x0:,.0f}–{x1:,.0f}, y {y0:,.0f}–{y1:,.0f} px, but the photo has "
        f"{width:,} × {height:,} px"
    )
    if _inside(points, height, width) == len(points):
        return f"{lie}. They may belong to the photo turned on its side."
    times = max(x1 / width, y1 / height)
    if min(x0, y0) >= 0 and times > 1:
        return (
            f"{lie}. They may belong to a copy of the photo that is {times:.1f} times larger "
            "or more."
        )
    return f"{lie}."


def _inside(points: NDArray[np.float64], width: int, height: int) -> int:
    inside = (points >= -0.5) & (points <= np.array([width, height]) - 0.5)
    return int(inside.all(axis=1).sum())


def _crumpled(points: NDArray[np.float64]) -> str:
    along, across = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if along < 1e-3:
        return "All five points are in the same place."
    return "All five points are on one line." if across < LEAST_FLATNESS * along else ""


def _mirrored(points: NDArray[np.float64]) -> str:
    """Turning a face keeps the order of its points, going round it; mirroring turns it about."""
    eyes, mouth = points[1] - points[0], points[4] - points[3]
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    if min(np.hypot(*eyes), np.hypot(*mouth)) < LEAST_WIDE * np.hypot(*down):
        return ""
    left_to_right = [eyes[0] * down[1] - eyes[1] * down[0], mouth[0] * down[1] - mouth[1] * down[0]]
    if max(left_to_right) < 0:
        return f"Left and right points are swapped. {_ORDER}"
    if min(left_to_right) < 0:
        part = "eyes" if left_to_right[0] < 0 else "corners of the mouth"
        return f"The {part} are swapped, or the points are in another order. {_ORDER}"
    return ""


_ORDER = (
    "The order is: the eye on the left of the image, the eye on the right, the tip of the nose, "
    "the corner of the mouth on the left of the image, the corner on the right."
)


def _unlike_a_face(points: NDArray[np.float64], width: int, height: int) -> str:
    matrix = similarity_transform(points, TEMPLATE.astype(np.float64))
    linear, shift = matrix[:, :2], matrix[:, 2]
    across = SIZE / float(np.sqrt(abs(np.linalg.det(linear))))
    if across < LEAST_WIDTH:
        return f"The face is {across:.0f} px wide, less than the minimum of {LEAST_WIDTH} px."
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    nose = float((points[2] - points[:2].mean(axis=0)) @ down / (down @ down))
    if not -NOSE_BEYOND <= nose <= 1 + NOSE_BEYOND:
        return f"The nose is not between the eyes and the mouth. {_ORDER}"
    away = float(np.sqrt(((points @ linear.T + shift - TEMPLATE) ** 2).sum(axis=1).mean()))
    if away > MOST_AWAY:
        return f"The five points do not form a face. {_ORDER}"
    grid = (np.stack(np.meshgrid(*[np.arange(16)] * 2), axis=-1).reshape(-1, 2) + 0.5) * SIZE / 16
    shown = _inside((grid - shift) @ np.linalg.inv(linear).T, width, height) / len(grid)
    if shown < LEAST_SHOWN:
        most = 1 - LEAST_SHOWN
        return f"{1 - shown:.0%} of the face is outside the photo; the limit is {most:.0%}."
    return ""


def _box_elsewhere(points: NDArray[np.float64], box: Box) -> str:
    corner, opposite = box[:2].astype(np.float64), box[2:].astype(np.float64)
    least, most = (factor * float(np.ptp(points, axis=0).max()) for factor in BOX_SIDES)
    middle = points.mean(axis=0)
    around = bool((corner <= middle).all() and (middle <= opposite).all())
    if around and least <= float((opposite - corner).max()) <= most:
        return ""
    sides = f"x {box[0]:,.0f}–{box[2]:,.0f}, y {box[1]:,.0f}–{box[3]:,.0f}"
    return (
        f"The box at {sides} does not contain the points around x {middle[0]:,.0f}, y "
        f"{middle[1]:,.0f}."
    )
