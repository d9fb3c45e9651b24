"""What hidden parts of a face are filled with: typical faces in the light of the face itself.

Grey or black patches are a sight of their own, and blurring takes away a phenotype together with
what any face has there. So a hidden nose becomes an ordinary nose: the coarse brightness and colour
are those of the face, and what is finer is that of a simulated person without a phenotype. Several
persons take turns, so that none of them decides alone.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import SIZE, align
from gestalt_space.simulate.persons import Persons
from gestalt_space.types import Pixels

COARSE = 16.0
"""Standard deviation in pixels of the Gaussian below which a face stays as it is: about the
distance from an eye to the midline."""
AGES = (1.0, 50.0)
"""Years of the persons."""

Levels = NDArray[np.float32]


def typical_fills(crop: Pixels, count: int, seed: int = 0) -> Levels:
    """`count` fills for an aligned face `(112, 112, 3)`: `(count, 112, 112, 3)`, levels 0..255."""
    fine = _typical_details(count, seed)
    return np.asarray(np.clip(_coarse(crop.astype(np.float32)) + fine, 0, 255), np.float32)


@lru_cache(maxsize=4)
def _typical_details(count: int, seed: int) -> Levels:
    """The fine structure of simulated faces `(count, 112, 112, 3)`."""
    persons, rng = Persons.builtin(), np.random.default_rng([seed, 21])
    found = np.empty((count, SIZE, SIZE, 3), np.float32)
    for place in range(count):
        person = persons.sample(rng, age_years=float(rng.uniform(*AGES)))
        portrait = persons.portrait(person, rng)
        face = align(portrait.pixels, portrait.landmarks).astype(np.float32)
        found[place] = face - _coarse(face)
    found.flags.writeable = False
    return found


def _coarse(face: Levels) -> Levels:
    blurred = cv2.GaussianBlur(face, (0, 0), COARSE, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)
