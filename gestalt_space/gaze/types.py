"""What an eye tracker recorded, from the screen to the photo.

An importer gives a `Recording`: samples on the screen, and which medium stood where on it and when.
Fixations are found in the samples, or taken from the tracker's own filter, and are cut into trials:
one reader looks at one medium. From there on, coordinates are the photo's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a medium stood on the screen, in pixels of the screen, and how large the photo is.

    `left`, `top`: the upper left corner of the medium, as shown; `width`, `height`: its size as
    shown; `photo_width`, `photo_height`: the size of the photo that was shown, in its own pixels.
    """

    left: float
    top: float
    width: float
    height: float
    photo_width: int
    photo_height: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A medium on the screen. `onset`, `offset`: seconds in the recording's time; `placement`: None
    where the export does not say it, and a media file has to (`placement_file`)."""

    medium: str
    onset: float
    offset: float
    placement: Placement | None


@dataclass(frozen=True, slots=True)
class Samples:
    """Gaze as it was sampled: `time` (n,) seconds in the recording's time, rising; `x`, `y` (n,)
    pixels of the screen, NaN where the gaze was lost; `valid` (n,) whether the tracker trusts
    it."""

    time: Floats
    x: Floats
    y: Floats
    valid: Flags


@dataclass(frozen=True, slots=True)
class Fixations:
    """Fixations in the order of their beginnings: `start`, `duration` (n,) seconds; `x`, `y` (n,)
    their centres. In a recording, time is the recording's and the centres are pixels of the screen;
    in a trial, time counts from the medium's onset and the centres are pixels of the photo, whose
    first pixel is the square from 0 to 1."""

    start: Floats
    duration: Floats
    x: Floats
    y: Floats

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Recording:
    """One session of one reader. `rate`: samples a second, None where it has no samples;
    `fixations`: those of the tracker's own filter, None where it exported none."""

    reader: str
    name: str
    shown: tuple[Shown, ...]
    samples: Samples | None
    rate: float | None
    fixations: Fixations | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One reader looks at one medium for `duration` seconds."""

    reader: str
    medium: str
    duration: float
    fixations: Fixations
