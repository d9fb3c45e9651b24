"""How long a calibration takes, told from a gallery's sizes before its descriptors are read."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from gestalt_space.gallery.calibration.nearest_wrong import MOST_PATIENTS, MOST_PHOTOS
from gestalt_space.gallery.calibration.references import (
    FEWEST_OTHERS,
    GRID,
    MOST_MEMBERS,
    MOST_OTHERS,
    OTHERS,
)

USUAL_RATE = 1e11
"""Operations on float32 numbers in a second, in a matrix product."""

_PER_DISORDER = 6e7
_PER_SIMILARITY = 4e4
"""What a disorder takes, and a similarity on the curves, in operations of a product that take as
long; so measured at 100,000 photos of 20,000 patients."""
_MASKING = 64
"""Numbers of a descriptor that take as long as all that a comparison needs beside the product."""
_MEASURED = (256, 1024, 512)
_TRIES = 5
_RARE = 1e-4
_UNEQUAL = 3
"""How many times more similarities members of disorders have than were all disorders of one
size."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a gallery in one space. `memberships`: pairs of patient and disorder; `dim`: the length of
    a descriptor."""

    photos: int
    patients: int
    disorders: int
    memberships: int
    dim: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Seconds that the parts of a fit take: comparing probes with all photos, comparing patients
    with disorders, and fitting the curves."""

    comparing: float
    references: float
    curves: float

    @property
    def seconds(self) -> float:
        """All parts together."""
        return self.comparing + self.references + self.curves


def expected_seconds(sizes: Sizes, rate: float = USUAL_RATE) -> Expected:
    """What a fit that knows nothing yet takes, where a matrix product does `rate` operations in a
    second."""
    probes = max(min(sizes.patients, MOST_PATIENTS), min(sizes.photos, MOST_PHOTOS))
    each = min(max(OTHERS // max(sizes.disorders, 1), FEWEST_OTHERS), MOST_OTHERS)
    members = sizes.memberships / max(sizes.disorders, 1)
    similarities = _similarities(members) * (
        sizes.disorders * each + _UNEQUAL * sizes.disorders * min(members, MOST_MEMBERS)
    )
    return Expected(
        comparing=2 * probes * sizes.photos * (sizes.dim + _MASKING) / rate,
        references=_PER_DISORDER * sizes.disorders / rate,
        curves=_PER_SIMILARITY * similarities / rate,
    )


def _similarities(members: float) -> float:
    """About how many similarities a patient has with a disorder of so many, over all curves."""
    grid = np.array([size for size in GRID if size < members])
    return float(np.minimum(members - grid + 1, members * (1 - _RARE ** (1 / grid)) + 1).sum())


def measured_rate() -> float:
    """Operations on float32 numbers in a second that a matrix product does here, now."""
    probes, photos, dim = _MEASURED
    first, second = np.ones((probes, dim), np.float32), np.ones((photos, dim), np.float32)
    taken = []
    for _ in range(_TRIES):
        began = perf_counter()
        first @ second.T
        taken.append(perf_counter() - began)
    return 2 * probes * photos * dim / max(min(taken), 1e-6)
