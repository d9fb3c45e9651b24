"""The calibration of a gallery, from its descriptors and groups; nothing here knows a database."""

from __future__ import annotations

import numpy as np

from gestalt_space.gallery.references import Sides, draw_sides, photo_correlation
from gestalt_space.ranking.calibration import (
    FEWEST_DISORDERS,
    FEWEST_PATIENTS,
    TAILS,
    Calibration,
    SizeCurve,
    best_others,
)
from gestalt_space.ranking.grouping import Grouping
from gestalt_space.stats.likelihood import fit_ratio, weighted_quantiles
from gestalt_space.types import Descriptors

MOST_PATIENTS = 5_000
"""Patients that are left out in turn for the verdict; of more, so many are drawn."""


def fit_calibration(descriptors: Descriptors, grouping: Grouping, *, seed: int = 0) -> Calibration:
    """The calibration of a gallery's descriptors `(n, d)`, grouped by disorder.

    A patient counts once, however many the photos. `seed` draws patients and photos.
    """
    rng = np.random.default_rng(seed)
    patients = len(grouping.patients)
    probes = np.arange(patients)
    if patients > MOST_PATIENTS:
        probes = np.sort(rng.choice(patients, MOST_PATIENTS, replace=False))
    companions = _companions(grouping)
    enough = companions >= FEWEST_PATIENTS
    sides = draw_sides(descriptors, grouping, rng) if enough else []
    return Calibration(
        curves=tuple(fit_curve(one) for one in sides),
        best_other=best_others(descriptors, grouping, probes),
        photo_correlation=photo_correlation(descriptors, grouping, rng),
        patients=patients,
        companions=companions,
        disorders=len(grouping.groups),
        seed=seed,
    )


def fit_curve(sides: Sides) -> SizeCurve:
    """The curves for one number of references; without a likelihood ratio where fewer than
    `FEWEST_DISORDERS` have so many."""
    disorders = len(np.unique(sides.same.groups))
    found = fit_ratio(sides.same, sides.other) if disorders >= FEWEST_DISORDERS else None
    none = np.zeros(0)
    return SizeCurve(
        size=sides.size,
        disorders=disorders,
        similarities=weighted_quantiles(sides.other.values, sides.other.weights, 1 - TAILS),
        edges=none if found is None else found.edges,
        ratio=none if found is None else found.ratio,
        lower=none if found is None else found.lower,
    )


def _companions(grouping: Grouping) -> int:
    """Patients with another one of their disorder who is not of their family."""
    found: set[int] = set()
    for group in range(len(grouping.groups)):
        members = grouping.members_of(group)
        if len(np.unique(grouping.families[members])) > 1:
            found.update(members.tolist())
    return len(found)
