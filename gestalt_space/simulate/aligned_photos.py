"""Aligned faces of simulated photos, for trainings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.alignment import align
from gestalt_space.simulate.capture import sample_capture, take
from gestalt_space.simulate.persons import Portrait

LANDMARK_ERROR = 1.5
"""Standard deviation in canvas pixels by which a landmark is off: 3 % of the eyes' distance."""
EYES_ERROR = 1.3
"""By how much both eyes are off up or down together: detectors have habits."""


def photographed(portrait: Portrait, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The aligned face of one photo of a portrait, as a detector that errs a little finds it."""
    photo = take(portrait, sample_capture(rng))
    off = rng.normal(0, LANDMARK_ERROR, photo.landmarks.shape).astype(np.float32)
    off[:2, 1] += rng.normal(0, EYES_ERROR)
    return align(photo.pixels, photo.landmarks + off)
