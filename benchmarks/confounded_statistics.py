"""The statistics of `benchmarks.confounded`: each asks the project's own function, as users do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.confounded_plan import BOUND, Statistic, Verdict
from gestalt_space.cohort.cohesion import CohesionPlan, cohesion
from gestalt_space.cohort.comparison import Comparison, ComparisonPlan, compare
from gestalt_space.cohort.lumping import ALPHA, FEWEST, hard_to_tell_apart
from gestalt_space.cohort.patients import Fact
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.splitting import halve
from gestalt_space.errors import UsageError
from gestalt_space.evaluation.gallery_data import SpaceData
from gestalt_space.evaluation.gallery_results import Plan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.evaluation.strata import Facts
from gestalt_space.ranking.calibration import fit_calibration
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.simulate.planted import PlantedPlan
from gestalt_space.stats.resampling import Bootstrap

PERMUTATIONS = 199
REPLICATES = 200
FIRST = "OMIM:100000"

GROUPS = PlantedPlan(sizes=(24, 20, 16, 12))
"""Cohorts A and B of four disorders."""
PAIR = PlantedPlan(sizes=(12, 12))
"""Two disorders."""
ONE = PlantedPlan(sizes=(24,), dim=32)
"""A disorder, and what differs within it."""
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


def compare_overall(selection: Selection, seed: int) -> Verdict:
    """The p of `compare` over all disorders."""
    found = _compared(selection, seed)
    return None if found is None else found.p


def compare_by_sex(selection: Selection, seed: int) -> Verdict:
    """The same, matched on sex."""
    found = _compared(selection, seed, ("sex",))
    return None if found is None else found.p


def compare_by_age(selection: Selection, seed: int) -> Verdict:
    """The same, matched on age."""
    found = _compared(selection, seed, ("age",))
    return None if found is None else found.p


def compare_one_disorder(selection: Selection, seed: int) -> Verdict:
    """The p of the first disorder, unadjusted."""
    found = _compared(selection, seed)
    one = next((o for o in found.disorders if o.disorder == FIRST), None) if found else None
    return None if one is None else one.p


def cohesive(selection: Selection, seed: int) -> Verdict:
    """The p of `cohesion` of the first disorder's patients in the gallery of all."""
    try:
        plan = CohesionPlan(permutations=PERMUTATIONS, draws=0, seed=seed)
        return cohesion(_of_first(selection), selection, plan).p
    except UsageError:
        return None


def told_apart(selection: Selection, seed: int) -> Verdict:
    """Whether two disorders are told apart."""
    disorders = np.array([has[0] for has in selection.disorders])
    if min(np.unique(disorders, return_counts=True)[1]) < FEWEST:
        return None
    rows = selection.patient_descriptors().astype(np.float64)
    return hard_to_tell_apart(rows, disorders, seed=seed)[0].p <= ALPHA


def split(selection: Selection, seed: int) -> Verdict:
    """The p of two halves of the first disorder."""
    return halve(_of_first(selection).patient_descriptors(), samples=PERMUTATIONS, seed=seed).p


def ratio_above_1(selection: Selection, seed: int) -> Verdict:
    """Whether any likelihood ratio of a gallery has a lower bound above 1."""
    found = fit_calibration(selection.descriptors, _grouping(selection), seed=seed)
    return bool((found.ratio_lower > 1 + 1e-6).any()) if len(found.ratio_lower) else None


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
    plan = Plan(aggregations=("nearest",), bootstrap=Bootstrap(REPLICATES, seed))
    top = evaluate_gallery([data], plan).spaces[0].aggregations["nearest"].patients.top
    return bool(top[1].low > chance)


def _compared(selection: Selection, seed: int, match: tuple[Fact, ...] = ()) -> Comparison | None:
    plan = ComparisonPlan(match, PERMUTATIONS, Bootstrap(1), seed)
    cohorts = selection.people.cohort
    groups = [selection.only(np.array(selection.patients)[cohorts == name]) for name in ("A", "B")]
    try:
        return compare(*groups, plan)
    except UsageError:
        return None


def _of_first(selection: Selection) -> Selection:
    has = np.array([FIRST in disorders for disorders in selection.disorders])
    return selection.only(np.array(selection.patients)[has])


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
    Statistic("compare", compare_overall, GROUPS, _SHIFTED, limits={**_ANY_SITE, **_ANY_FACT}),
    Statistic(
        "compare --match sex",
        compare_by_sex,
        GROUPS,
        _SHIFTED,
        limits={**_ANY_SITE, "ages": UNMATCHED},
    ),
    Statistic(
        "compare --match age",
        compare_by_age,
        GROUPS,
        _SHIFTED,
        limits={**_ANY_SITE, "sex imbalance": UNMATCHED},
    ),
    Statistic(
        "compare, one disorder",
        compare_one_disorder,
        GROUPS,
        _SHIFTED,
        limits={**_ANY_SITE, **_ANY_FACT},
    ),
    Statistic(
        "cohesion",
        cohesive,
        replace(COHORT, disorder=0.0),
        replace(COHORT, disorder=0.5),
        limits={"site follows disorder": SAME_SITE},
    ),
    Statistic(
        "cluster: told apart",
        told_apart,
        replace(PAIR, disorder=0.0),
        replace(PAIR, disorder=0.4),
        limits={"site follows disorder": SAME_SITE},
    ),
    Statistic(
        "cluster: split",
        split,
        ONE,
        replace(ONE, shift=2.0),
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
