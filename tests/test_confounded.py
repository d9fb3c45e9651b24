"""The standing table of statistics and faults tells one that errs from one that does not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks import confounded
from benchmarks.confounded import Found, cell, mark
from benchmarks.confounded_plan import BOUND, EXACT, FAULTS, Statistic
from benchmarks.confounded_statistics import STATISTICS
from gestalt_space.simulate.planted import PlantedPlan, plant

PLAN = PlantedPlan(sizes=(8, 8, 8))


@pytest.mark.parametrize(
    ("hits", "within", "expected"),
    [
        (50, EXACT, "ok"),
        (30, EXACT, "ok"),
        (65, EXACT, "ok"),
        (75, EXACT, "?"),
        (90, EXACT, "NO"),
        (25, EXACT, "?"),
        (5, EXACT, "NO"),
        (0, BOUND, "ok"),
        (60, BOUND, "?"),
        (75, BOUND, "NO"),
    ],
)
def test_a_share_of_1000_draws_is_marked(hits: int, within: tuple[float, float], expected: str):
    assert mark(within, Found(1000, hits)) == expected


def test_few_draws_do_not_condemn():
    assert mark(EXACT, Found(20, 3)) == "?"


def test_what_is_not_claimed_is_shown_without_a_mark():
    statistic = Statistic("s", lambda *_: 1.0, PLAN, PLAN, limits={"ages": "why"})
    null, real = Found(100, 40), Found(50, 45, 3)
    assert cell(statistic, "nothing", null, real) == "40.0 % NO · 90 %, withheld 2 %"
    assert cell(statistic, "ages", null, Found(50, 45)) == "(40.0 %) · 90 %"


def test_nulls_and_alternatives_are_asked_and_counted(monkeypatch: pytest.MonkeyPatch):
    """Of p-values, verdicts and withheld figures, on the cohorts of their own plans."""
    real = PlantedPlan(sizes=(4, 4))
    seen: Counter[int] = Counter()

    def ask(selection: object, seed: int) -> float | bool | None:
        seen[len(selection.patients)] += 1
        return (0.05, 0.06, True, False, None)[seed % 5]

    monkeypatch.setattr(confounded, "STATISTICS", (Statistic("s", ask, PLAN, real),))
    null = confounded._chunk(("s", "nothing", True, range(10)))
    assert null == Found(10, 4, 2)
    confounded._chunk(("s", "nothing", False, range(3)))
    assert seen == {24: 10, 8: 3}


def test_faults_keep_the_patients_and_change_what_they_are_named_for():
    plain = plant(PLAN, 1)
    for name, fault in FAULTS.items():
        made = plant(fault(PLAN), 1)
        assert len(made.patients) == len(plain.patients)
        assert np.array_equal(made.descriptors, plain.descriptors) is (name == "nothing")
    uneven = FAULTS["unequal group sizes"](PlantedPlan(sizes=(12,) * 6))
    assert (sum(uneven.sizes), min(uneven.sizes)) == (72, 5)
    assert max(uneven.sizes) > 15


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: one.name)
def test_every_statistic_answers_for_both_plans(statistic: Statistic):
    verdicts = [statistic.ask(plant(plan, 3), 3) for plan in (statistic.null, statistic.real)]
    for verdict in verdicts:
        assert isinstance(verdict, bool) or 0 < verdict <= 1
    assert set(statistic.limits) <= set(FAULTS)
    assert len({one.name for one in STATISTICS}) == len(STATISTICS)
