"""Exact similarities, and how far those in single precision may be from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Descriptors

TOLERANCE = 1e-5
"""More than single precision can err in an inner product of unit vectors. Similarities closer than
this are computed again in double precision before they are ranked, so that a ranking does not
depend on where in the index a descriptor stands, or on which probes are asked with it."""


def exact_similarities(probe: Descriptors, descriptors: Descriptors) -> NDArray[np.float64]:
    """Inner products of a probe `(d,)` with `(m, d)`, in double precision: `(m,)`.

    Summed row by row, so that a row's number does not depend on the rows beside it.
    """
    products: NDArray[np.float64] = descriptors.astype(np.float64) * probe
    return np.asarray(products.sum(axis=1), dtype=np.float64)
