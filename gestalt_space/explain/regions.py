"""How much of a map lies in each region of the aligned face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.faces.regions import REGIONS, region_map


def masses(maps: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much of maps `(…, 112, 112)` speaks for the line in each region: `(…, regions)`, shares
    that sum to 1; all NaN for a map without anything that does."""
    positive = np.maximum(np.asarray(maps, np.float64), 0.0)
    flat = positive.reshape(*positive.shape[:-2], -1)
    sums = np.stack(
        [flat[..., (region_map() == number).ravel()].sum(-1) for number in range(len(REGIONS))], -1
    )
    total = sums.sum(axis=-1, keepdims=True)
    shares = np.divide(sums, total, out=np.full_like(sums, np.nan), where=total > 0)
    return np.asarray(shares, np.float64)
