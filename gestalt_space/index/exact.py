"""Exact similarities, and how far those in single precision may be from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import REBUILD
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


def products(rows: Descriptors, probes: Descriptors) -> NDArray[np.float32]:
    """Inner products in float32 of rows `(m, d)` with probes `(d,)` or `(d, q)`: `(m,)`, `(m, q)`.

    Those of one probe are made row by row: the time is that of the memory, which threads do not
    shorten, and those of OpenBLAS keep a core busy for some 10 ms after each product.

    Some kernels of OpenBLAS read beyond short rows, into whatever lies there, and throw away what
    that gives; what stays of it is the processor's flag for an invalid number. So the flag is not
    looked at, the products are. Raises `IndexDamaged` where one is not finite.
    """
    with np.errstate(invalid="ignore"):
        product = np.vecdot if probes.ndim == 1 else np.matmul
        values = np.asarray(product(rows, probes), dtype=np.float32)
    if not np.isfinite(values).all():
        raise IndexDamaged("The index has numbers that are not finite.", REBUILD)
    return values
