"""What more photos of a patient add to the first one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.calibration.rows import DescriptorRows
from gestalt_space.ranking.grouping import Grouping, Numbers

MOST_MEASURED = 500
"""Patients whose photos are compared to learn what more photos of a patient add."""
ONE_IN = 10

_PURPOSE = 3
"""What is drawn, beside the seed."""


def photo_correlation(rows: DescriptorRows, grouping: Grouping, seed: int = 0) -> float:
    """How little more photos of a patient add, 0..1: the r with which m photos are as often near to
    a patient without the disorder as m / (1 + (m - 1) r) patients with one photo are; 1 where
    nobody has two photos.

    It is measured at the similarity that one in `ONE_IN` photos reaches. The mean correlation of
    photos, with which Kish (1965) has it for means, counts too little for the nearest of them.
    """
    from scipy.optimize import brentq

    rng = np.random.default_rng([seed, _PURPOSE])
    several = np.flatnonzero(grouping.photo_counts > 1)
    if not len(several):
        return 1.0
    several = np.sort(rng.permutation(several)[:MOST_MEASURED])
    measured = np.sort(rng.permutation(len(grouping.patients))[:MOST_MEASURED])
    apart = _apart(grouping, measured, several)
    counts = grouping.photo_counts[several]
    starts = np.cumsum(counts) - counts
    first = rows.rows(grouping.rows[grouping.row_starts[measured]])
    similar = first @ rows.rows(grouping.rows_of_patients(several)).T
    single = similar[:, starts + rng.integers(0, counts)]
    if not apart.any():
        return 1.0
    limit = np.quantile(single[apart], 1 - 1 / ONE_IN)
    one = np.add.reduceat(similar >= limit, starts, axis=1, dtype=np.int64) / counts
    any_photo = np.maximum.reduceat(similar, starts, axis=1) >= limit
    # A mean over all photos of a patient is less a matter of chance than one photo.
    shares, reached = (one * apart).sum(axis=0), float((any_photo & apart).sum())

    def surplus(r: float) -> float:
        return float((shares * counts / (1 + (counts - 1) * r)).sum()) - reached

    return float(brentq(surplus, 0, 1)) if surplus(0) > 0 > surplus(1) else 1.0


def _apart(grouping: Grouping, measured: Numbers, others: Numbers) -> NDArray[np.bool_]:
    """`(q, p)`: whether patients at places share neither a group nor a family."""
    families = grouping.families
    found = families[measured][:, None] != families[others][None, :]
    tables = []
    for patients in (measured, others):
        table = np.zeros((len(patients), len(grouping.groups)), dtype=np.float32)
        which, member = grouping.memberships_of(patients)
        table[which, grouping.group_of_member[member]] = 1
        tables.append(table)
    return np.asarray(found & (tables[0] @ tables[1].T == 0))
