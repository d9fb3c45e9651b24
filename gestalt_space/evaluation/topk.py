"""Top-k accuracy: how often the true disorder is among the first k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ranking.grouping import Numbers

TOPS = (1, 5, 10, 30)


def mean_over_groups(hits: NDArray[np.bool_], groups: Numbers) -> NDArray[np.float64]:
    """The unweighted mean over groups of each one's share of hits `(n, k)`: `(k,)`, 0..1.

    `groups` `(n,)`: the true group of each probe. NaN where there is no probe.
    """
    if not len(hits):
        return np.full(hits.shape[1], np.nan)
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    shares = np.stack(
        [np.bincount(place, column.astype(np.float64)) / counts for column in hits.T], axis=1
    )
    return np.asarray(shares.mean(axis=0))


def even_over_groups(groups: Numbers) -> NDArray[np.float64]:
    """Weights `(c,)` of cases, whose groups are given, in the unweighted mean over the groups."""
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[place]))


def hits_of(ranks: Numbers, tops: tuple[int, ...] = TOPS) -> NDArray[np.bool_]:
    """Whether each rank `(n,)`, from 1, 0 for never, is within each of some k: `(n, k)`."""
    return (ranks[:, None] >= 1) & (ranks[:, None] <= np.array(tops))
