"""Areas of interest: the regions of the aligned face, by their names.

Which area has a fixation where outlines overlap is declared by the order of `AREAS`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.regions import REGIONS
from gestalt_space.gaze.types import Floats

AREAS = REGIONS


def per_area(region: NDArray[np.int64], values: Floats) -> Floats:
    """Sums of values `(n,)` over the fixations in each area: `(areas,)`."""
    sums = np.zeros(len(AREAS))
    np.add.at(sums, region, values)
    return sums


def first_in_area(region: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the first fixation in each area: `(areas,)`, −1 where there is none."""
    first = np.full(len(AREAS), -1, np.int64)
    found, places = np.unique(region, return_index=True)
    first[found] = places
    return first
