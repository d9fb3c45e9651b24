"""Intervals of evaluations of other galleries with the same disorders, and of families."""

from __future__ import annotations

import numpy as np

from gestalt_space.cohort.selection import Selection
from gestalt_space.evaluation.accuracy import Accuracy
from gestalt_space.evaluation.cases import ask, find_cases, patient_probes
from gestalt_space.evaluation.measuring import AccuracyEstimator, ranked
from gestalt_space.evaluation.units import draw_units
from gestalt_space.ranking.grouping import grouping
from gestalt_space.simulate.planted import PlantedPlan, plant
from gestalt_space.stats.resampling import Bootstrap


def measured(selection: Selection) -> Accuracy:
    """Every patient left out in turn, by `nearest`."""
    owners, families = selection.patient_of_row, selection.families
    kinds = np.array([int(has[0].split(":")[1]) for has in selection.disorders])
    pairs = np.stack([np.arange(len(kinds)), kinds], axis=1)
    truth = grouping(np.arange(len(owners)), owners, pairs, families=families)
    probes = patient_probes(selection.descriptors, owners, truth.patients)
    cases, _ = find_cases(probes.patients, truth, truth)
    units = draw_units(truth, families)
    answers = ask(probes, cases, selection.descriptors, truth, ["nearest"], units=units)
    measuring = AccuracyEstimator(units, families, Bootstrap(100, 0))
    return measuring.accuracy(ranked(answers, probes.rows, "nearest"))


def held(plan: PlantedPlan, galleries: int) -> tuple[float, float]:
    """The share of intervals of top-1 that hold the truth, over cases and over disorders."""
    found = [measured(plant(plan, 7, people=people)) for people in range(galleries)]
    shares = []
    for tops in ([one.top[1] for one in found], [one.top_of_disorders[1] for one in found]):
        truth = np.mean([top.value for top in tops])
        shares.append(float(np.mean([top.low <= truth <= top.high for top in tops])))
    return shares[0], shares[1]


def test_intervals_of_pairs_hold_the_truth() -> None:
    """Ranks that are not found again give 73 to 86 of 100."""
    assert min(held(PlantedPlan((2,) * 25, disorder=0.9), 150)) >= 0.9


def test_intervals_of_unequal_groups_hold_the_truth_of_cases_and_of_disorders() -> None:
    plan = PlantedPlan((20,) * 2 + (8,) * 4 + (2, 3, 4) * 4, disorder=0.8)
    assert min(held(plan, 120)) >= 0.9


def test_intervals_of_families_hold_the_truth() -> None:
    plan = PlantedPlan((9,) * 8, disorder=0.7, families=0.7, kinship=0.9)
    shares = held(plan, 120)
    assert min(shares) >= 0.9


def test_what_shows_nothing_or_everything_has_an_interval_of_some_width() -> None:
    easy = measured(plant(PlantedPlan((8,) * 4, disorder=9.0), 1))
    assert easy.top[1].value == easy.top[1].high == 1
    assert 0.8 < easy.top[1].low < 1


def test_galleries_of_other_people_have_the_same_disorders() -> None:
    """Centroids of one disorder lie nearer each other than those of others."""
    plan = PlantedPlan((40,) * 3, disorder=1.5)
    sums = [
        np.add.reduceat(plant(plan, 3, people=people).patient_means(), [0, 40, 80])
        for people in (0, 1)
    ]
    first, second = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in sums)
    assert (np.argmax(first @ second.T, axis=1) == np.arange(3)).all()
    assert not np.array_equal(sums[0], sums[1])
