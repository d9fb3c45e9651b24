"""Are these patients more alike than expected by chance?

The units are families, with the patients of each averaged: siblings are alike even without a
disorder. The mean similarity over all pairs of families is compared with random groups of the same
number of families, drawn from the cohort and its controls together. Under the null hypothesis the
cohort is one such draw, and p is uniform. If groups were drawn from the controls alone, it would
not be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.controls import unrelated_others
from gestalt_space.cohort.families import unit_means, unit_strata, unit_word, units_of
from gestalt_space.cohort.patients import Fact, check_same_space, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
from gestalt_space.progress import Progress, Stages, followed, no_stages
from gestalt_space.stats.design import require_labellings
from gestalt_space.stats.permutation import (
    FEWEST_PERMUTATIONS,
    MOST_PERMUTATIONS,
    PERMUTATIONS,
    Stratum,
    centred,
    draw_groups,
    p_value,
    row_products,
)

DRAWS = 1_000
"""Draws of photos for each size of the curve."""
SIZES = 10
"""Sizes at the most for which photos are drawn."""

FEWEST = 2

_LEAST_LEVEL = 0.05
_LARGEST_MATRIX = 4_096
_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class CohesionPlan:
    """What random groups have in common with the cohort, how many are drawn, and the seed.
    `with_family`: all patients count as unrelated."""

    match: tuple[Fact, ...] = ()
    permutations: int = PERMUTATIONS
    draws: int = DRAWS
    seed: int = 0
    with_family: bool = False

    def __post_init__(self) -> None:
        if self.permutations > MOST_PERMUTATIONS:
            raise UsageError(
                f"{self.permutations} random groups are too many.",
                f"Give at most {MOST_PERMUTATIONS}; {PERMUTATIONS} are usual.",
            )
        if self.permutations < FEWEST_PERMUTATIONS:
            raise UsageError(
                f"{self.permutations} random groups are too few for a p-value.",
                f"Give {FEWEST_PERMUTATIONS} or more; {PERMUTATIONS} are usual.",
            )


USUAL_PLAN = CohesionPlan()


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Random draws of `size` families with one photo each: the mean similarity of draws from the
    cohort and from the controls, and the percentile 0..100 of a draw from the cohort among those
    from the controls, on average."""

    size: int
    similarity: float
    controls: float
    percentile: float


@dataclass(frozen=True)
class Cohesion:
    """How alike the patients of a cohort are.

    `families`: the number of units; a patient without a recorded family is a unit; with
    `with_family`, every patient is. `similarity`: the mean over pairs of units, -1..1.
    `random_mean` and `random_sd`: mean and standard deviation of the null distribution. `effect`:
    by how many of these standard deviations `similarity` exceeds `random_mean` (NaN if they do not
    vary). `percentile` 0..100: the share of random groups below it. `p`: one-sided, (b + 1)/(m +
    1). `controls`: other units that can be drawn. `relatives`: patients who are not used as
    controls because members of their family are in the cohort. `curve`: the published analysis,
    with `curve_controls` units of patients who have none of the cohort's disorders; empty with
    fewer than two.
    """

    patients: int
    families: int
    photos: int
    controls: int
    relatives: int
    similarity: float
    random_mean: float
    random_sd: float
    effect: float
    percentile: float
    p: float
    curve_controls: int
    curve: tuple[CurvePoint, ...]
    plan: CohesionPlan


def cohesion(
    cohort: Selection,
    gallery: Selection,
    plan: CohesionPlan = USUAL_PLAN,
    *,
    stages: Stages = no_stages,
) -> Cohesion:
    """Compare a cohort with random groups from a gallery.

    Raises `UsageError` for fewer than two families, if a value to match on is unknown for one of
    the cohort's patients, and if the gallery has too few other patients (it names the stratum);
    `SpaceMismatch` for different spaces.
    """
    check_same_space(cohort, gallery)
    if (patients := len(cohort.patients)) < FEWEST:
        raise UsageError(
            "The cohort has only one patient." if patients else "The cohort has no patients.",
            "Select two or more patients.",
        )
    units = units_of(cohort, with_family=plan.with_family)
    means = unit_means(cohort.patient_means(), units)
    if (count := len(means)) < FEWEST:
        raise UsageError(
            f"All {patients:,} patients of the cohort are of one family.",
            "Select patients of other families too, or count family members as unrelated with "
            "--with-family.",
        )
    controls, relatives = unrelated_others(cohort, gallery, with_family=plan.with_family)
    control_units = units_of(controls, with_family=plan.with_family)
    strata, eligible = _strata(cohort, units, controls, control_units, plan)
    means = np.concatenate([means, unit_means(controls.patient_means(), control_units)[eligible]])
    rng = np.random.default_rng(plan.seed)
    itself = (np.arange(len(means)) < count)[None].astype(np.float32)
    observed = float(_means_within(means, [itself], count)[0])
    drawing = stages("Drawing random groups", "groups")
    blocks = draw_groups(rng, strata, len(means), plan.permutations, progress=drawing)
    drawn = _means_within(means, blocks, count)
    spread = float(drawn.std(ddof=1))
    others = _without_disorders_of(controls, cohort)
    other_units = units_of(others, with_family=plan.with_family)
    return Cohesion(
        patients=patients,
        families=count,
        photos=len(cohort),
        controls=len(means) - count,
        relatives=relatives,
        similarity=observed,
        random_mean=float(drawn.mean()),
        random_sd=spread,
        effect=(observed - float(drawn.mean())) / spread if spread > 1e-9 else float("nan"),
        percentile=100 * float(np.mean(drawn < observed)),
        p=p_value(observed, drawn),
        curve_controls=len(np.unique(other_units)),
        curve=_curve(
            (cohort, units),
            (others, other_units),
            plan.draws,
            rng,
            stages("Drawing single photos", "group sizes"),
        ),
        plan=plan,
    )


def _strata(
    cohort: Selection,
    units: NDArray[np.int64],
    controls: Selection,
    control_units: NDArray[np.int64],
    plan: CohesionPlan,
) -> tuple[list[Stratum], NDArray[np.bool_]]:
    """What is drawn from the cohort's families and, after them, the eligible controls; and which
    controls `(u,)` are eligible: those in a stratum of the cohort."""
    match = plan.match
    known = strata_of(cohort, match)
    if unknown := int(np.count_nonzero(known == "")):
        raise UsageError(
            f"For {unknown:,} of the {len(known):,} patients of the cohort, {' or '.join(match)} "
            "is not known.",
            "Match on fewer attributes, or add the missing facts: `gestalt index add "
            "patients.csv`.",
        )
    of_cohort = unit_strata(known, units)
    of_controls = unit_strata(strata_of(controls, match), control_units)
    wanted = np.unique(of_cohort)
    eligible = np.isin(of_controls, wanted)
    names = np.concatenate([of_cohort, of_controls[eligible]])
    strata = []
    for name in wanted:
        take, there = int(np.sum(of_cohort == name)), int(np.sum(of_controls == name))
        if there < take:
            told = "" if name == "all" else f" ({name})"
            raise UsageError(
                f"Besides the cohort's {take:,}{told}, the gallery has only {there:,}: too few "
                f"{unit_word(with_family=plan.with_family)} for random groups.",
                "Match on fewer attributes, or add controls to the gallery."
                if match
                else "Add patients to the gallery who are not in the cohort.",
            )
        strata.append(Stratum(np.flatnonzero(names == name), take))
    require_labellings(strata, _LEAST_LEVEL, unit=unit_word(with_family=plan.with_family))
    return strata, eligible


def _means_within(
    means: NDArray[np.float32], blocks: Iterable[NDArray[np.float32]], size: int
) -> NDArray[np.float64]:
    """The mean similarity within each group of `size` units, given by the rows of `blocks`, from
    the `means` `(u, d)` of units."""
    pairs = size * (size - 1)
    if len(means) <= _LARGEST_MATRIX:
        matrix, middle = centred(means @ means.T)
        sums = [row_products(block, matrix, block) for block in blocks]
        return np.concatenate(sums) / pairs + middle
    squares = np.einsum("pd,pd->p", means, means, dtype=np.float64)
    found = []
    for block in blocks:
        totals = (block @ means).astype(np.float64)
        found.append(np.einsum("bd,bd->b", totals, totals) - block @ squares)
    return np.concatenate(found) / pairs


def _without_disorders_of(controls: Selection, cohort: Selection) -> Selection:
    theirs = {one for disorders in cohort.disorders for one in disorders}
    pairs = zip(controls.patients, controls.disorders, strict=True)
    return controls.only(patient for patient, has in pairs if not theirs & set(has))


def _curve(
    cohort: tuple[Selection, NDArray[np.int64]],
    controls: tuple[Selection, NDArray[np.int64]],
    draws: int,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[CurvePoint, ...]:
    """From two units up to all, or to the number of controls. Each side has its units `(p,)`."""
    most = min(int(units.max(initial=-1)) + 1 for _, units in (cohort, controls))
    if most < FEWEST or not draws:
        return ()
    points = []
    sizes = np.unique(np.linspace(2, most, SIZES).round().astype(int))
    for size in followed(sizes.tolist(), progress):
        of_cohort = _drawn_photos(*cohort, size, draws, rng)
        of_controls = np.sort(_drawn_photos(*controls, size, draws, rng))
        below = np.searchsorted(of_controls, of_cohort) / draws
        points.append(
            CurvePoint(
                size,
                float(of_cohort.mean()),
                float(of_controls.mean()),
                100 * float(below.mean()),
            )
        )
    return tuple(points)


def _drawn_photos(
    selection: Selection,
    units: NDArray[np.int64],
    size: int,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The mean similarity in each draw of `size` units `(p,)` with one photo each."""
    counts = np.bincount(units[selection.patient_of_row])
    ordered = np.argsort(units[selection.patient_of_row], kind="stable")
    everybody = [Stratum(np.arange(len(counts)), size)]
    chosen = [
        np.nonzero(block)[1].reshape(-1, size).astype(np.int32)
        for block in draw_groups(rng, everybody, len(counts), draws)
    ]
    drawn = np.concatenate(chosen)
    starts, found = np.cumsum(counts) - counts, np.empty(draws)
    most = max(1, _AT_ONCE // (size * selection.descriptors.shape[1]))
    for start in range(0, draws, most):
        own = drawn[start : start + most]
        rows = ordered[starts[own] + rng.integers(0, counts[own])]
        photos = selection.descriptors[rows]
        totals = photos.sum(axis=1, dtype=np.float64)
        squares = np.einsum("brd,brd->b", photos, photos, dtype=np.float64)
        found[start : start + most] = np.einsum("bd,bd->b", totals, totals) - squares
    return found / (size * (size - 1))
