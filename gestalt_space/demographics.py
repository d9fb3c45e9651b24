"""Age groups, as galleries and strata are told by (Lesmann 2024): the face changes with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AGE_GROUPS = ("under 1 year", "1 to 4 years", "5 to 9 years", "10 years and older")
_STARTS = (1.0, 5.0, 10.0)


def age_groups(ages: NDArray[np.float64]) -> NDArray[np.str_]:
    """The age group of ages `(n,)` in years; an empty text for NaN."""
    names = np.array([*AGE_GROUPS, ""])
    places = np.searchsorted(_STARTS, ages, side="right")
    found: NDArray[np.str_] = names[np.where(np.isnan(ages), len(AGE_GROUPS), places)]
    return found
