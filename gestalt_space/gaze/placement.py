"""From the screen to the photo and back: where a medium stood, and how large it was shown.

The upper left corner of the screen, and of the photo, is (0, 0); x grows to the right, y down.
"""

from __future__ import annotations

import numpy as np

from gestalt_space.errors import TableDamaged
from gestalt_space.gaze.types import Flags, Floats, Placement

STRETCHED = 0.02
"""Share by which width and height may differ in scale before a photo counts as stretched."""


def to_photo(placement: Placement, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Pixels of the screen as pixels of the photo; outside of it, too."""
    return (
        (x - placement.left) * (placement.photo_width / placement.width),
        (y - placement.top) * (placement.photo_height / placement.height),
    )


def to_screen(placement: Placement, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Pixels of the photo as pixels of the screen."""
    return (
        x * (placement.width / placement.photo_width) + placement.left,
        y * (placement.height / placement.photo_height) + placement.top,
    )


def from_medium(
    placement: Placement, x: Floats, y: Floats, *, shares: bool
) -> tuple[Floats, Floats]:
    """What is told from the medium's upper left corner, in shares of its width and height as shown
    or in pixels of the screen, as pixels of the screen."""
    if shares:
        return placement.left + x * placement.width, placement.top + y * placement.height
    return placement.left + x, placement.top + y


def in_photo(placement: Placement, x: Floats, y: Floats) -> Flags:
    """Which pixels of the photo there are: its right and lower edges are outside."""
    wide, high = placement.photo_width, placement.photo_height
    return np.asarray((x >= 0) & (x < wide) & (y >= 0) & (y < high), np.bool_)


def check_placement(medium: str, placement: Placement) -> None:
    """Raise `TableDamaged` for a placement without an extent."""
    sizes = (placement.width, placement.height, placement.photo_width, placement.photo_height)
    numbers = (placement.left, placement.top, *sizes)
    if min(sizes) <= 0 or not np.isfinite(numbers).all():
        raise TableDamaged(
            f"{medium} is {placement.width:g} × {placement.height:g} pixels on the screen, for a "
            f"photo of {placement.photo_width} × {placement.photo_height} pixels.",
            "Give its place and size with --media FILE.",
        )


def stretched_by(placement: Placement) -> float:
    """By which share a photo was shown wider than high: 0 where it kept its shape."""
    across = placement.width / placement.photo_width
    down = placement.height / placement.photo_height
    return float(across / down - 1)
