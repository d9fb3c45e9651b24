"""Are these patients more alike than chance?

The mean similarity over all pairs of different patients is set against random groups of as many
patients, drawn from the cohort and its controls together: if the cohort's patients are alike by
chance alone, the cohort is one such draw like any other, and p is uniform. Drawn from the controls
alone, it would not be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.patients import Fact, check_space, strata_of
from gestalt_space.cohort.selection import Selection
from gestalt_space.errors import UsageError
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

_LARGEST_MATRIX = 4_096
_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class CohesionPlan:
    """What random groups share with the cohort, how many are drawn, and from which seed."""

    match: tuple[Fact, ...] = ()
    permutations: int = PERMUTATIONS
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.permutations > MOST_PERMUTATIONS:
            raise UsageError(
                f"{self.permutations} random groups are more than are drawn.",
                f"Give {MOST_PERMUTATIONS} at the most; {PERMUTATIONS} are usual.",
            )
        if self.permutations < FEWEST_PERMUTATIONS:
            raise UsageError(
                f"{self.permutations} random groups are too few for a p-value.",
                f"Give {FEWEST_PERMUTATIONS} or more; {PERMUTATIONS} are usual.",
            )


USUAL_PLAN = CohesionPlan()


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Of `size` patients with one photo each, drawn many times: the mean similarity of the
    cohort's and of the controls' draws, and the percentile 0..100 of a draw of the cohort among
    those of the controls, on average."""

    size: int
    similarity: float
    controls: float
    percentile: float


@dataclass(frozen=True)
class Cohesion:
    """How alike a cohort's patients are.

    `similarity`: the mean over pairs of different patients, -1..1; `random_mean` and `random_sd`:
    of the random groups' ones; `effect`: how many of those standard deviations it lies above their
    mean (NaN where they do not vary); `percentile` 0..100: the share of random groups below it;
    `p`: one-sided, (b + 1)/(m + 1). `controls`: patients besides the cohort's who could be drawn.
    `curve`: the published form, with `curve_controls` patients who have none of the cohort's
    disorders; empty where these are fewer than two.
    """

    patients: int
    photos: int
    controls: int
    similarity: float
    random_mean: float
    random_sd: float
    effect: float
    percentile: float
    p: float
    curve_controls: int
    curve: tuple[CurvePoint, ...]
    plan: CohesionPlan


def cohesion(cohort: Selection, gallery: Selection, plan: CohesionPlan = USUAL_PLAN) -> Cohesion:
    """How alike a cohort's patients are, beside random groups of the gallery's.

    The gallery's patients who are of the cohort are counted once. With `plan.match`, each random
    group has as many patients of every stratum as the cohort. Raises `UsageError` for fewer than
    two patients, for a patient of whom what is matched on is not known, and for a stratum with
    fewer controls than patients of the cohort; `SpaceMismatch` for two spaces.
    """
    check_space(cohort, gallery)
    count = len(cohort.patients)
    if count < 2:
        raise UsageError(
            "The cohort has one patient." if count else "The cohort has nobody.",
            "Two or more are needed to be alike: select more.",
        )
    members = set(cohort.patients)
    controls = gallery.only(one for one in gallery.patients if one not in members)
    strata, eligible = _strata(cohort, controls, plan.match)
    means = np.concatenate([cohort.patient_means(), controls.patient_means()[eligible]])
    rng = np.random.default_rng(plan.seed)
    itself = (np.arange(len(means)) < count)[None].astype(np.float32)
    observed = float(_means_within(means, [itself], count)[0])
    blocks = draw_groups(rng, strata, len(means), plan.permutations)
    drawn = _means_within(means, blocks, count)
    spread = float(drawn.std(ddof=1))
    others = _without_disorders_of(controls, cohort)
    return Cohesion(
        patients=count,
        photos=len(cohort),
        controls=len(means) - count,
        similarity=observed,
        random_mean=float(drawn.mean()),
        random_sd=spread,
        effect=(observed - float(drawn.mean())) / spread if spread > 1e-9 else float("nan"),
        percentile=100 * float(np.mean(drawn < observed)),
        p=p_value(observed, drawn),
        curve_controls=len(others.patients),
        curve=_curve(cohort, others, plan.draws, rng),
        plan=plan,
    )


def _strata(
    cohort: Selection, controls: Selection, match: Sequence[Fact]
) -> tuple[list[Stratum], NDArray[np.bool_]]:
    """What is drawn of the cohort's patients and, after them, the eligible controls; and which
    controls `(p,)` are eligible: those of a stratum in which the cohort has somebody."""
    of_cohort, of_controls = strata_of(cohort, match), strata_of(controls, match)
    if unknown := int(np.count_nonzero(of_cohort == "")):
        raise UsageError(
            f"The {' or '.join(match)} of {unknown:,} of the cohort's {len(of_cohort):,} patients "
            "is not known.",
            "Match on less, or add what is missing: `gestalt index add patients.csv`.",
        )
    wanted = np.unique(of_cohort)
    eligible = np.isin(of_controls, wanted)
    names = np.concatenate([of_cohort, of_controls[eligible]])
    strata = []
    for name in wanted:
        take, there = int(np.sum(of_cohort == name)), int(np.sum(of_controls == name))
        if there < take:
            told = "" if name == "all" else f" ({name})"
            raise UsageError(
                f"Besides the cohort's {take:,}{told}, the gallery has {there:,}: too few patients "
                "to draw random groups from.",
                "Match on less, or add controls to the gallery."
                if match
                else "Add patients to the gallery who are not of the cohort.",
            )
        strata.append(Stratum(np.flatnonzero(names == name), take))
    return strata, eligible


def _means_within(
    means: NDArray[np.float32], blocks: Iterable[NDArray[np.float32]], size: int
) -> NDArray[np.float64]:
    """The mean similarity within each group of `size` patients that a row of `blocks` marks, of
    patients' `means` `(p, d)`."""
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
    cohort: Selection, controls: Selection, draws: int, rng: np.random.Generator
) -> tuple[CurvePoint, ...]:
    """From two patients to all, or to as many as there are controls."""
    most = min(len(cohort.patients), len(controls.patients))
    if most < 2 or not draws:
        return ()
    points = []
    for size in np.unique(np.linspace(2, most, SIZES).round().astype(int)):
        of_cohort = _drawn_photos(cohort, int(size), draws, rng)
        of_controls = np.sort(_drawn_photos(controls, int(size), draws, rng))
        below = np.searchsorted(of_controls, of_cohort) / draws
        points.append(
            CurvePoint(
                int(size),
                float(of_cohort.mean()),
                float(of_controls.mean()),
                100 * float(below.mean()),
            )
        )
    return tuple(points)


def _drawn_photos(
    selection: Selection, size: int, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The mean similarity in each draw of `size` patients with one photo each."""
    everybody = [Stratum(np.arange(len(selection.patients)), size)]
    chosen = [
        np.nonzero(block)[1].reshape(-1, size)
        for block in draw_groups(rng, everybody, len(selection.patients), draws)
    ]
    patients = np.concatenate(chosen)
    counts = np.bincount(selection.patient_of_row)
    rows = selection.row_starts[patients] + rng.integers(0, counts[patients])
    found = np.empty(draws)
    most = max(1, _AT_ONCE // (size * selection.descriptors.shape[1]))
    for start in range(0, draws, most):
        photos = selection.descriptors[rows[start : start + most]]
        totals = photos.sum(axis=1, dtype=np.float64)
        squares = np.einsum("brd,brd->b", photos, photos, dtype=np.float64)
        found[start : start + most] = np.einsum("bd,bd->b", totals, totals) - squares
    return found / (size * (size - 1))
