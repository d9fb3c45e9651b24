"""How often `cohort compare` and `cohort cohesion` find what is not there, in cohorts as real ones
are, and how often they find what is.

python -m benchmarks.confounded_compare [--draws 1000]

Planted descriptors (`gestalt_space.simulate.planted`): five disorders, whose patients are of the
cohorts A and B. Of each fault: the share of cohorts with p ≤ 0.05 where nothing differs but the
fault, and where the mean faces of B are shifted, or those of one disorder.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.cohort.cohesion import CohesionPlan, cohesion
from gestalt_space.cohort.compared_units import compared_units
from gestalt_space.cohort.families import patients_of
from gestalt_space.cohort.group_differences import GroupTests, tested_groups
from gestalt_space.cohort.matched import match_groups
from gestalt_space.cohort.patients import Fact
from gestalt_space.cohort.selection import Selection
from gestalt_space.progress import no_stages
from gestalt_space.simulate.planted import PlantedPlan, plant

SEED = 140_000
DRAWS = 1_000
PERMUTATIONS = 199
LEVEL = 0.05
SIZES = (40, 30, 24, 20, 16)
USUAL = PlantedPlan(sizes=SIZES)
SHIFT = 0.3
"""Length of what the mean faces of B differ by, where they do; a person's own part is 1."""
ONE_DISORDER = 0.8
"""Likewise where one disorder alone is shifted."""
SITES = replace(USUAL, sites=2, sites_follow=1.0)

Verdict = Callable[[Selection, int], float]


@dataclass(frozen=True)
class Study:
    """A fault and the test that must not find it: its p in cohorts of either plan."""

    fault: str
    test: str
    p: Verdict
    null: PlantedPlan
    alternative: PlantedPlan


def groups_of(selection: Selection) -> tuple[Selection, Selection]:
    """The patients of the cohorts A and B."""
    a, b = (patients_of(selection, (selection.people.cohort == name).tolist()) for name in "AB")
    return a, b


def measured(
    selection: Selection,
    seed: int,
    match: tuple[Fact, ...] = (),
    *,
    within: bool = True,
    with_family: bool = False,
) -> GroupTests:
    """What `compare_groups` tests, without what it describes. Not `within`: groups are matched, and
    are dealt within disorders alone, as they were once."""
    a, b = match_groups(*groups_of(selection), match, seed, with_family=with_family)
    units, _ = compared_units(a, b, match if within else (), with_family=with_family)
    return tested_groups(
        units, permutations=PERMUTATIONS, seed=seed, unit="families", stages=no_stages
    )[0]


def shift_p(selection: Selection, seed: int) -> float:
    """Of the mean faces."""
    return measured(selection, seed).shift.p


def shift_p_by_sex(selection: Selection, seed: int) -> float:
    """Of the mean faces of groups matched on sex."""
    return measured(selection, seed, ("sex",)).shift.p


def shift_p_by_sex_dealt_freely(selection: Selection, seed: int) -> float:
    """Likewise, labels dealt without regard to sex."""
    return measured(selection, seed, ("sex",), within=False).shift.p


def shift_p_by_age(selection: Selection, seed: int) -> float:
    """Of the mean faces of groups matched on age."""
    return measured(selection, seed, ("age",)).shift.p


def shift_p_with_family(selection: Selection, seed: int) -> float:
    """Of the mean faces, family members counted as unrelated."""
    return measured(selection, seed, with_family=True).shift.p


def own_p(selection: Selection, seed: int) -> float:
    """Of what disorders differ in beyond a common shift."""
    return measured(selection, seed).own.p


def spread_p(selection: Selection, seed: int) -> float:
    """Of one group varying more."""
    return measured(selection, seed).spread.p


def cohesion_p(selection: Selection, seed: int) -> float:
    """Of the first disorder's patients, in the gallery of all."""
    cohort = patients_of(selection, [selection.disorders[0] == has for has in selection.disorders])
    plan = CohesionPlan(permutations=PERMUTATIONS, draws=0, seed=seed)
    return cohesion(cohort, selection, plan).p


def _shifted(plan: PlantedPlan, shift: float = SHIFT) -> PlantedPlan:
    return replace(plan, shift=shift)


def _one_shifted(plan: PlantedPlan) -> PlantedPlan:
    return replace(plan, shift=ONE_DISORDER, shifted=(0,))


SEXES = replace(USUAL, sex=1.0, female_a=0.7, female_b=0.3)
AGES = replace(USUAL, age=0.5, age_a=6.0, age_b=10.0)
NOISY = replace(USUAL, photo_b=1.5)
FAMILIES = replace(USUAL, families=0.6)
UNEVEN = replace(NOISY, share_b=0.25)
STUDIES = (
    Study("nothing", "mean faces", shift_p, USUAL, _shifted(USUAL)),
    Study("sexes, matched", "mean faces", shift_p_by_sex, SEXES, _shifted(SEXES)),
    Study(
        "sexes, matched",
        "mean faces, labels dealt freely",
        shift_p_by_sex_dealt_freely,
        SEXES,
        _shifted(SEXES),
    ),
    Study("ages, matched", "mean faces", shift_p_by_age, AGES, _shifted(AGES)),
    Study("noisier photos in B", "mean faces", shift_p, NOISY, _shifted(NOISY)),
    Study("noisier photos in B, a quarter of all", "mean faces", shift_p, UNEVEN, _shifted(UNEVEN)),
    Study("families", "mean faces", shift_p, FAMILIES, _shifted(FAMILIES)),
    Study(
        "families", "mean faces, --with-family", shift_p_with_family, FAMILIES, _shifted(FAMILIES)
    ),
    Study(
        "a site shifted by 0.5", "own shifts", own_p, replace(SITES, site=0.5),
        _one_shifted(replace(SITES, site=0.5)),
    ),
    Study(
        "a site shifted by 1", "own shifts", own_p, replace(SITES, site=1.0),
        _one_shifted(replace(SITES, site=1.0)),
    ),
    Study(
        "a site shifted by 0.5, noisier photos", "own shifts", own_p,
        replace(SITES, site=0.5, photo_b=1.5), _one_shifted(replace(SITES, site=0.5, photo_b=1.5)),
    ),
    Study("nothing", "spreads", spread_p, USUAL, replace(USUAL, photo_b=1.0)),
    Study(
        "families", "cohesion", cohesion_p, replace(FAMILIES, disorder=0.0),
        replace(FAMILIES, disorder=0.5),
    ),
)  # fmt: skip
"""Every fault with the test that is to withstand it."""


def rejected(study: Study, plan: PlantedPlan, draws: int) -> tuple[float, float]:
    """The share of cohorts of a plan with p ≤ 0.05, and the share of those without a p."""
    seeds = range(SEED, SEED + draws)
    p = np.array([study.p(plant(plan, seed), seed) for seed in seeds])
    return float(np.mean(p <= LEVEL)), float(np.mean(np.isnan(p)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = parser.parse_args().draws
    rows = []
    with threadpool_limits(1):
        for study in STUDIES:
            null, withheld = rejected(study, study.null, draws)
            power, _ = rejected(study, study.alternative, max(1, draws // 5))
            figures = (f"{100 * one:.1f} %" for one in (null, withheld, power))
            rows.append((study.fault, study.test, *figures))
            print(*rows[-1], sep="  ", flush=True)
    keep(
        "confounded-compare",
        f"python -m benchmarks.confounded_compare --draws {draws}  # seeds from {SEED}, "
        f"{PERMUTATIONS} permutations; found over a fifth of the draws",
        (
            "what differs besides",
            "test",
            "p ≤ 0.05 where it must not be",
            "no p given there",
            "p ≤ 0.05 where it should be",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
