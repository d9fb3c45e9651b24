"""How often the 95 % intervals of `gestalt evaluate gallery` hold the truth, on galleries whose
truth is known: planted descriptors, disorders fixed, patients drawn anew.

python -m benchmarks.intervals [--galleries 1000] [--seed 41]

The truth of a figure is its mean over all galleries of a world. Worlds differ in their disorders;
each has the same number of galleries. Refitted intervals are those that users get for `nearest`;
conditional ones redraw patients and leave their ranks as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import keep
from gestalt_space.cohort.selection import Selection
from gestalt_space.evaluation.accuracy import Accuracy, measure_accuracy
from gestalt_space.evaluation.cases import ask, find_cases, patient_probes
from gestalt_space.evaluation.measuring import AccuracyEstimator, ranked
from gestalt_space.evaluation.units import draw_units
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.stats.estimates import Estimate
from gestalt_space.stats.resampling import Bootstrap

WORLDS = 5
FEW = Bootstrap(200, 0)
"""Draws of conditional intervals, which are there for comparison."""
DESIGNS: Mapping[str, tuple[int, ...]] = {
    "40 × 2": (2,) * 40,
    "12 × 8": (8,) * 12,
    "4 × 30, 6 × 12, 30 × 2–5": (30,) * 4 + (12,) * 6 + (2, 3, 4, 5) * 7 + (2, 3),
}
STRENGTHS = (0.7, 1.0)
"""Lengths of what a disorder gives, against a person's own part of length 1."""
Figures = Mapping[str, Estimate]


def truth_of(selection: Selection) -> Grouping:
    """The rows, patients and disorders of planted descriptors."""
    names = sorted({one for has in selection.disorders for one in has})
    number = {name: place for place, name in enumerate(names)}
    pairs = [(place, number[one]) for place, has in enumerate(selection.disorders) for one in has]
    rows = np.arange(len(selection.patient_of_row))
    pairs_of = np.array(pairs, np.int64).reshape(-1, 2)
    return grouping(rows, selection.patient_of_row, pairs_of, families=selection.families)


def accuracies(selection: Selection) -> tuple[Accuracy, Accuracy]:
    """Each patient's photos as one, left out in turn, by `nearest`: with the refitted and with the
    conditional interval."""
    truth = truth_of(selection)
    families = selection.families
    units = draw_units(truth, families)
    probes = patient_probes(selection.descriptors, selection.patient_of_row, truth.patients)
    cases, _ = find_cases(probes.patients, truth, truth)
    answers = ask(probes, cases, selection.descriptors, truth, ["nearest"], units=units)
    refitted = AccuracyEstimator(units, families, FEW).accuracy(
        ranked(answers, probes.rows, "nearest")
    )
    clusters = families[cases.patients]
    ranks = [answers.ranks["nearest"]]
    return refitted, measure_accuracy(ranks, cases.patients, cases.groups, FEW, clusters=clusters)[
        0
    ]


def figures_of(found: Accuracy) -> Figures:
    """The figures whose coverage is told."""
    return {
        "top-1": found.top[1],
        "top-1, mean over disorders": found.top_of_disorders[1],
        "top-5": found.top[5],
        "top-5, mean over disorders": found.top_of_disorders[5],
    }


def coverage(
    plan: PlantedPlan, galleries: int, seed: int
) -> dict[str, tuple[float, dict[str, float]]]:
    """Of each figure its mean, and the share of refitted and of conditional intervals that hold
    the truth."""
    each = galleries // WORLDS
    sums: dict[str, tuple[float, dict[str, float]]] = {}
    held: dict[str, list[dict[str, float]]] = {}
    means: dict[str, list[float]] = {}
    for world in range(WORLDS):
        both = [accuracies(plant(plan, seed + world, people=people)) for people in range(each)]
        for figure in figures_of(both[0][0]):
            kinds = {
                "refitted": [figures_of(one)[figure] for one, _ in both],
                "conditional": [figures_of(one)[figure] for _, one in both],
            }
            truth = float(np.mean([one.value for one in kinds["refitted"]]))
            means.setdefault(figure, []).append(truth)
            held.setdefault(figure, []).append(
                {kind: _share_held(found, truth) for kind, found in kinds.items()}
            )
    for figure, worlds in held.items():
        shares = {kind: float(np.mean([one[kind] for one in worlds])) for kind in worlds[0]}
        sums[figure] = float(np.mean(means[figure])), shares
    return sums


def sibling_top_1(galleries: int, seed: int) -> dict[str, tuple[float, float, float]]:
    """Mean top-1, its standard error and what chance gives, where each disorder has one pair of
    siblings and nothing but kinship makes patients alike: without relatives as evidence, and
    with them.

    Chance: every patient who is evidence is as likely as any other to be the nearest.
    """
    plan = PlantedPlan((4,) * 40, disorder=0.0, families=0.5, kinship=0.9)
    found: dict[str, list[tuple[float, float]]] = {"left out": [], "--with-family": []}
    for number in range(galleries):
        selection = plant(plan, seed + number)
        truth = truth_of(selection)
        probes = patient_probes(selection.descriptors, selection.patient_of_row, truth.patients)
        for name, evidence in (
            ("left out", truth),
            ("--with-family", replace(truth, family_numbers=None)),
        ):
            cases, _ = find_cases(probes.patients, evidence, truth)
            answers = ask(probes, cases, selection.descriptors, evidence, ["nearest"])
            kin = evidence.count_family(evidence.family_of(cases.patients), cases.groups)
            chance = float(np.mean((cases.sizes - kin) / (len(truth.patients) - kin)))
            found[name].append((float(np.mean(answers.ranks["nearest"] == 1)), chance))
    return {
        name: (
            float(np.mean([top for top, _ in tops])),
            float(np.std([top for top, _ in tops]) / galleries**0.5),
            float(np.mean([chance for _, chance in tops])),
        )
        for name, tops in found.items()
    }


def _share_held(found: Sequence[Estimate], truth: float) -> float:
    ends: NDArray[np.float64] = np.array([(one.low, one.high) for one in found])
    return float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--galleries", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=41)
    given = parser.parse_args()
    rows = []
    for name, sizes in DESIGNS.items():
        for strength in STRENGTHS:
            plan = PlantedPlan(sizes, disorder=strength)
            for figure, (mean, held) in coverage(plan, given.galleries, given.seed).items():
                shares = [f"{100 * share:.1f} %" for share in held.values()]
                rows.append((name, strength, figure, f"{mean:.3f}", *shares))
    keep(
        "intervals",
        f"python -m benchmarks.intervals --galleries {given.galleries} --seed {given.seed}",
        ("patients of disorders", "strength", "figure", "truth", "refitted", "conditional"),
        rows,
    )
    siblings = sibling_top_1(given.galleries, given.seed)
    keep(
        "siblings",
        f"python -m benchmarks.intervals --galleries {given.galleries} --seed {given.seed}",
        ("relatives", "top-1", "standard error", "chance"),
        [(name, *(f"{100 * one:.2f} %" for one in figures)) for name, figures in siblings.items()],
    )


if __name__ == "__main__":
    main()
