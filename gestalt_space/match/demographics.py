"""Age groups, as galleries and strata are told by (Lesmann 2024), and the narrower steps in which
patients are matched."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

AGE_GROUPS = ("under 1 year", "1 to 4 years", "5 to 9 years", "10 years and older")
_STARTS = (1.0, 5.0, 10.0)
STEP_STARTS = (0, 1, 3, 5, 7, 10, 13, 16, 20, 30, 40, 50, 60, 70, 80, 90)
"""First years of the steps in which ages are matched: narrow where the face grows, so that within a
step little of a difference between two groups is one of age."""
_STEPS = (
    "under 1 year",
    *(f"{a} to {b - 1} years" for a, b in pairwise(STEP_STARTS[1:])),
    f"{STEP_STARTS[-1]} years and older",
)


def age_groups(ages: NDArray[np.float64]) -> NDArray[np.str_]:
    """The age group of ages `(n,)` in years; an empty text for NaN."""
    return _named(np.searchsorted(_STARTS, ages, side="right"), ages, AGE_GROUPS)


def age_group_numbers(ages: NDArray[np.float64]) -> NDArray[np.int64]:
    """Likewise as numbers from 1; 0 for NaN."""
    numbers = np.searchsorted(_STARTS, ages, side="right") + 1
    return np.where(np.isnan(ages), 0, numbers).astype(np.int64)


def age_steps(ages: NDArray[np.float64]) -> NDArray[np.str_]:
    """The step in which ages `(n,)` in years are matched; an empty text for NaN."""
    return _named(np.searchsorted(STEP_STARTS[1:], ages, side="right"), ages, _STEPS)


def _named(
    places: NDArray[np.int64], ages: NDArray[np.float64], names: tuple[str, ...]
) -> NDArray[np.str_]:
    found: NDArray[np.str_] = np.array([*names, ""])[np.where(np.isnan(ages), len(names), places)]
    return found
