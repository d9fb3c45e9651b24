"""The statistics of `benchmarks.confounded`: each asks the project's own function, as users do."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.confounded_compare import (
    cohesion_p,
    own_p,
    shift_p,
    shift_p_by_age,
    shift_p_by_sex,
    spread_p,
)
from benchmarks.confounded_groups import falls_into_two, told_apart
from benchmarks.confounded_plan import BOUND, Statistic, Verdict
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.gallery_results import EvaluationPlan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.evaluation.strata import Facts
from gestalt_space.gallery.calibration.fitting import fit_calibration
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.simulate.planted import PlantedPlan
from gestalt_space.stats.resampling import Bootstrap

REPLICATES = 200

GROUPS = PlantedPlan(sizes=(24, 20, 16, 12))
"""Cohorts A and B of four disorders."""
PAIR = PlantedPlan(sizes=(12, 12))
"""Two disorders."""
ONE = PlantedPlan(sizes=(24,), dim=32)
"""A disorder, and what differs within it."""
TWO_IN_ONE = replace(ONE, sizes=(24, 0), wrong=0.5, disorder=1.4)
"""Half of its patients have another disorder, and nothing known about them tells who."""
GALLERY = PlantedPlan(sizes=(12,) * 8)
COHORT = PlantedPlan(sizes=(10,) + (5,) * 10)
"""A gallery of eleven disorders, the first of which is asked about."""
LARGE = PlantedPlan(sizes=(30, 20, *(8,) * 10, *(3,) * 20))
"""A gallery whose disorders are unequal enough to be real."""

UNMATCHED = "Groups that differ in it differ: match on it, `--match`."
SITE = (
    "Sites that follow the groups look like a difference: only differences of differences do not."
)
SAME_SITE = "A site of the disorder's own is not told from the disorder."


def given(p: Callable[[Selection, int], float]) -> Callable[[Selection, int], Verdict]:
    """A p-value, None where the design allows none."""

    def asked(selection: Selection, seed: int) -> Verdict:
        try:
            found = p(selection, seed)
        except UsageError:
            return None
        return None if math.isnan(found) else found

    return asked


def ratio_above_1(selection: Selection, seed: int) -> Verdict:
    """Whether any likelihood ratio of a gallery has a lower bound above 1."""
    found = fit_calibration(selection.descriptors, _grouping(selection), seed=seed)
    bounds = [curve.lower for curve in found.curves if len(curve.lower)]
    return any(bool((one > 1 + 1e-6).any()) for one in bounds) if bounds else None


def accuracy_above_chance(selection: Selection, seed: int) -> Verdict:
    """Whether the interval of the top-1 accuracy of a gallery lies above chance."""
    count = len(selection.patients)
    rows = selection.patient_of_row
    disorders = np.array([has[0] for has in selection.disorders])
    names, kinds = np.unique(disorders, return_inverse=True)
    # By the photos that may be nearest: those outside the family, which is of one disorder.
    photos = np.bincount(rows, minlength=count)
    of_kind = np.bincount(kinds, weights=photos)[kinds]
    own = np.bincount(selection.families, weights=photos)[selection.families]
    chance = np.mean((of_kind - own) / (photos.sum() - own))
    data = SpaceData(
        space=selection.space,
        fingerprint=selection.fingerprint,
        by="disorder",
        descriptors=selection.descriptors,
        patients=selection.patients,
        grouping=_grouping(selection),
        titles=tuple((str(name), "") for name in names),
        facts=Facts(selection.people.sex, selection.people.ancestry, selection.ages, rows),
        cohorts=selection.people.cohort,
    )
    plan = EvaluationPlan(aggregations=("nearest",), bootstrap=Bootstrap(REPLICATES, seed))
    top = evaluate_gallery([data], plan).spaces[0].aggregations["nearest"].patients.top
    return bool(top[1].low > chance)


def _grouping(selection: Selection) -> Grouping:
    disorders = np.array([has[0] for has in selection.disorders])
    kinds = np.unique(disorders, return_inverse=True)[1]
    pairs = np.stack([np.arange(len(kinds)), kinds], axis=1)
    return grouping(
        np.arange(len(selection)), selection.patient_of_row, pairs, families=selection.families
    )


_ANY_SITE = {"site shift": SITE}
_ANY_FACT = {"sex imbalance": UNMATCHED, "ages": UNMATCHED}
_SHIFTED = replace(GROUPS, shift=0.4)

STATISTICS: tuple[Statistic, ...] = (
    Statistic("compare", given(shift_p), GROUPS, _SHIFTED, limits={**_ANY_SITE, **_ANY_FACT}),
    Statistic(
        "compare --match sex",
        given(shift_p_by_sex),
        GROUPS,
        _SHIFTED,
        limits={**_ANY_SITE, "ages": UNMATCHED},
    ),
    Statistic(
        "compare --match age",
        given(shift_p_by_age),
        GROUPS,
        _SHIFTED,
        limits={**_ANY_SITE, "sex imbalance": UNMATCHED},
    ),
    Statistic(
        "compare: beyond the common shift",
        given(own_p),
        GROUPS,
        replace(GROUPS, shift=0.8, shifted=(0,)),
        limits={"site shift": "Withheld in most cohorts where the common shift is so large."},
    ),
    Statistic(
        "compare: spread",
        given(spread_p),
        GROUPS,
        replace(GROUPS, photo_b=1.5),
        limits={
            "noisier photos": "It is what the test of the spread is to find.",
            "site shift": "Faces that a site moves together are tighter or looser on the sphere.",
        },
    ),
    Statistic(
        "cohesion",
        given(cohesion_p),
        replace(COHORT, disorder=0.0),
        replace(COHORT, disorder=0.5),
        limits={"site follows disorder": SAME_SITE},
    ),
    Statistic(
        "cluster: told apart",
        told_apart,
        replace(PAIR, disorder=0.0),
        replace(PAIR, disorder=0.4),
        BOUND,
        limits={"site follows disorder": SAME_SITE},
    ),
    Statistic(
        "cluster: split",
        falls_into_two,
        ONE,
        TWO_IN_ONE,
        BOUND,
        limits={
            "site shift": "A split by site is a split; the output tells which fact it follows."
        },
    ),
    Statistic(
        "likelihood ratio: bound above 1",
        ratio_above_1,
        replace(LARGE, disorder=0.0),
        replace(LARGE, disorder=0.7),
        BOUND,
        limits={"site follows disorder": SAME_SITE},
    ),
    Statistic(
        "evaluate: top-1 above chance",
        accuracy_above_chance,
        replace(GALLERY, disorder=0.0),
        replace(GALLERY, disorder=0.3),
        BOUND,
        limits={"site follows disorder": SAME_SITE},
    ),
)
