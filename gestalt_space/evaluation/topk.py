"""Top-k accuracy: how often the true disorder is among the first k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Numbers

TOPS = (1, 5, 10, 30)


def even_over_groups(groups: Numbers) -> NDArray[np.float64]:
    """Weights `(c,)` of cases in the unweighted mean over their groups."""
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[place]))


def hits_of(ranks: Numbers, tops: tuple[int, ...] = TOPS) -> NDArray[np.bool_]:
    """Whether each rank `(n,)`, from 1, 0 for not found, is within each k: `(n, k)`."""
    return (ranks[:, None] >= 1) & (ranks[:, None] <= np.array(tops))
