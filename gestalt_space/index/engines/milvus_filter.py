"""Filters of an engine as expressions of Milvus, and what stands in its fields for what is not
known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.engines.contract import EngineFilter
from gestalt_space.types import Ids

NO_AGE = -1000.0
"""Stands for an age that is not known. A field that may be empty is filtered in several ways by
several versions."""
_YOUNGEST = -999.0
_LEAST = -(2**63) + 1
"""The least number that an expression may have in every version; one less is taken for it."""


def stored_ages(ages: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ages `(n,)` in years, as they are kept."""
    return np.where(np.isnan(ages), NO_AGE, ages)


def stored_sites(sites: Ids) -> Ids:
    """Hashes of sites `(n,)`, as they are kept."""
    return np.maximum(sites, _LEAST)


def expression(among: EngineFilter) -> str | None:
    """What rows must fit, empty for all; None where none can."""
    parts = []
    if among.ages is not None:
        youngest, oldest = among.ages
        aged = f"age >= {max(youngest, _YOUNGEST)!r}"
        if oldest != np.inf:
            aged += f" and age <= {max(oldest, NO_AGE - 1)!r}"
        parts.append(f"({aged} or age == {NO_AGE!r})" if among.unknown_age else f"({aged})")
    elif among.unknown_age:
        parts.append(f"age == {NO_AGE!r}")
    for field, values in (("site", among.sites), ("patient", among.patients)):
        if values is not None:
            if not len(values):
                return None
            kept = stored_sites(values) if field == "site" else values
            parts.append(f"{field} in {kept.tolist()}")
    if among.without is not None and len(among.without):
        parts.append(f"patient not in {among.without.tolist()}")
    return " and ".join(parts)
