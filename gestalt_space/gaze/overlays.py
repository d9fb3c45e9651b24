"""What an overlay picture shows: the fixations on each photo where the placement puts them, and the
areas where the alignment puts them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.regions import OUTLINES
from gestalt_space.gaze.fixations import FixationPlan, find_fixations
from gestalt_space.gaze.photos import SeenPhoto
from gestalt_space.gaze.placement import to_photo
from gestalt_space.gaze.types import Fixations, Floats, Recording


def fixations_of(
    recordings: Sequence[Recording], plan: FixationPlan
) -> list[tuple[Recording, Fixations]]:
    """Recordings with the tracker's fixations, else with those that are found in their samples."""
    found = []
    for one in recordings:
        if one.fixations is not None:
            found.append((one, one.fixations))
        elif one.samples is not None:
            found.append((one, find_fixations(one.samples, one.rate or 1.0, plan)))
    return found


def fixations_on(
    photo: SeenPhoto, recordings: Sequence[tuple[Recording, Fixations]]
) -> tuple[Floats, Floats]:
    """The centres of all readers' fixations while a photo was shown, in its pixels, also off it."""
    found: list[tuple[Floats, Floats]] = []
    for recording, fixations in recordings:
        for one in recording.shown:
            if one.medium != photo.medium or one.placement is None:
                continue
            here = (fixations.start >= one.onset) & (fixations.start < one.offset)
            x, y = to_photo(one.placement, fixations.x[here], fixations.y[here])
            scale = photo.width / one.placement.photo_width
            found.append((x * scale, y * (photo.height / one.placement.photo_height)))
    if not found:
        return np.zeros(0), np.zeros(0)
    return np.concatenate([x for x, _ in found]), np.concatenate([y for _, y in found])


def outlines_on(photo: SeenPhoto) -> list[NDArray[np.float64]]:
    """The corners of all areas in the photo's pixels; none where it has no face."""
    if photo.matrix is None:
        return []
    turn, shift = photo.matrix[:, :2], photo.matrix[:, 2]
    back = np.linalg.inv(turn)
    return [
        (np.array(outline) - 0.5 - shift) @ back.T + 0.5
        for outlines in OUTLINES.values()
        for outline in outlines
    ]
