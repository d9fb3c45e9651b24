"""Whether the probability that two groups have different disorders is what it says, on planted
cohorts.

python -m benchmarks.confounded_blocks [--pairs N] [--design NAME]

Each pair of groups is of a gallery of its own: one group of cohort A, the other of cohort B, of one
disorder in half of the galleries and of two in the others, so that the prior is 0.5. Of pairs whose
probability lies in a band, the share that has two disorders must be the band's mean probability,
within the binomial 95 % interval.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.table import keep
from gestalt_space.cohort.selection import Selection
from gestalt_space.cohort.sub_blocks import Blocks, judge_blocks
from gestalt_space.simulate.planted import PlantedPlan, plant

SEED = 140_000_000
PAIRS = 1_600
EDGES = (0.0, 0.03, 0.1, 0.2, 0.5, 0.8, 0.9, 0.97, 1.0)
TAIL = tuple(max(4, round(60 / (1 + rank) ** 0.35)) for rank in range(60))
"""Patients of disorders, from 60 down to 14: a few large ones, and a long tail."""
WEAK = 0.6
"""Length of a disorder's part, against 1 of a person's: the two kinds of pairs overlap."""
ON_A_SITE = PlantedPlan(TAIL, disorder=WEAK, sites=2, site=0.8, sites_follow=1.0)


@dataclass(frozen=True)
class BlockDesign:
    """A plan of galleries, and how many families each of the two groups has. `sites_told`: whether
    the gallery has its photos' sites; `holds`: whether the probability is claimed to be right."""

    plan: PlantedPlan
    sizes: tuple[int, int] = (4, 4)
    sites_told: bool = True
    holds: bool = True


DESIGNS = {
    "alike, 4 v 4": BlockDesign(PlantedPlan(TAIL, disorder=WEAK)),
    "stronger disorders, 4 v 4": BlockDesign(PlantedPlan(TAIL, disorder=0.9)),
    "families, 4 v 4": BlockDesign(PlantedPlan(TAIL, disorder=WEAK, families=0.5, kinship=0.7)),
    "3 v 12": BlockDesign(PlantedPlan(TAIL, disorder=WEAK), (3, 12)),
    "noisier photos in B, 4 v 4": BlockDesign(PlantedPlan(TAIL, disorder=WEAK, photo_b=1.4)),
    "noisier photos in B, a tenth of the patients, 4 v 4": BlockDesign(
        PlantedPlan(TAIL, disorder=WEAK, photo_b=1.4, share_b=0.1), holds=False
    ),
    "12 disorders, 4 v 4": BlockDesign(PlantedPlan(TAIL[:14], disorder=WEAK)),
    "groups larger than the reference, 9 v 9 read as fewer": BlockDesign(
        PlantedPlan((30,) * 4 + (14,) * 30, disorder=WEAK), (9, 9)
    ),
    "B on a site of its own (shift 0.8), sites known, 4 v 4": BlockDesign(ON_A_SITE),
    "B on a site of its own (shift 0.4), sites recorded as one, 4 v 4": BlockDesign(
        replace(ON_A_SITE, site=0.4), sites_told=False, holds=False
    ),
    "B on a site of its own (shift 0.8), sites recorded as one, 4 v 4": BlockDesign(
        ON_A_SITE, sites_told=False, holds=False
    ),
}


def judged(design: BlockDesign, seed: int, *, different: bool) -> Blocks | None:
    """The block between two groups of a planted gallery; None where it has no two disorders with
    families enough."""
    gallery = plant(design.plan, seed)
    if not design.sites_told:
        gallery = replace(gallery, sites=np.full_like(gallery.sites, "S0"))
    rng = np.random.default_rng([seed, 2])
    one, other = (
        _families(gallery, cohort, least) for cohort, least in zip("AB", design.sizes, strict=True)
    )
    names = sorted(set(one) & set(other))
    if len(names) < 2:
        return None
    first, second = rng.permutation(names)[:2].tolist()
    second = second if different else first
    a, b = (
        gallery.only(who for family in rng.permutation(sorted(of))[:least] for who in of[family])
        for of, least in zip((one[first], other[second]), design.sizes, strict=True)
    )
    return judge_blocks(a, b, gallery, leave_out={first, second}, seed=seed)


def study(
    design: BlockDesign, pairs: int, seed: int = SEED
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of pairs, the probability that they have different disorders, and whether they have."""
    told, truth = [], []
    for number in range(pairs):
        found = judged(design, seed + number, different=bool(number % 2))
        if found is not None and not found.withheld:
            told.append(found.different.value)
            truth.append(bool(number % 2))
    return np.array(told), np.array(truth)


def bands(
    told: NDArray[np.float64], truth: NDArray[np.bool_]
) -> list[tuple[float, float, int, float, float, float, float]]:
    """Of each band of probabilities: its ends, the pairs, their mean probability, the share that
    is truly different, and that share's 95 % interval (Clopper and Pearson 1934)."""
    from statsmodels.stats.proportion import proportion_confint

    found = []
    for low, high in pairwise(EDGES):
        in_it = (told >= low) & (told < high if high < 1 else told <= high)
        count, true = int(in_it.sum()), int(truth[in_it].sum())
        if count:
            ends = proportion_confint(true, count, method="beta")
            found.append((low, high, count, float(told[in_it].mean()), true / count, *ends))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--design", choices=tuple(DESIGNS))
    given = parser.parse_args()
    rows = []
    for name, design in DESIGNS.items():
        if given.design in (None, name):
            with threadpool_limits(1):
                rows += _rows(name, design, given.pairs)
    keep(
        "confounded-blocks",
        f"python -m benchmarks.confounded_blocks  # seed {SEED}, {given.pairs} pairs a design",
        ("design", "probability told", "pairs", "mean told", "truly different", "holds"),
        rows,
    )


def _rows(name: str, design: BlockDesign, pairs: int) -> list[tuple[str, ...]]:
    told, truth = study(design, pairs)
    rows = [
        (
            name,
            f"{low:g}–{high:g}",
            str(count),
            f"{100 * mean:.1f} %",
            f"{100 * share:.1f} % ({100 * least:.1f}–{100 * most:.1f})",
            ("yes" if least <= mean <= most else "no") if design.holds else "not claimed",
        )
        for low, high, count, mean, share, least, most in bands(told, truth)
    ]
    reached = [
        f"{who}: {100 * np.mean(told[truth == kind] >= 0.8):.0f} % at 0.8 or more, "
        f"{100 * np.mean(told[truth == kind] <= 0.2):.0f} % at 0.2 or less"
        for who, kind in (("same", False), ("different", True))
    ]
    print(*rows, reached, sep="\n", flush=True)
    return [*rows, (name, "; ".join(reached), str(len(told)), "", "", "")]


def _families(gallery: Selection, cohort: str, least: int) -> dict[str, dict[int, list[str]]]:
    """Of each disorder with so many in a cohort, the families and their patients' names."""
    found: dict[str, dict[int, list[str]]] = {}
    for place, has in enumerate(gallery.disorders):
        if has and gallery.people.cohort[place] == cohort:
            of = found.setdefault(has[0], {})
            of.setdefault(int(gallery.families[place]), []).append(gallery.patients[place])
    return {name: of for name, of in found.items() if len(of) >= least}


if __name__ == "__main__":
    main()
