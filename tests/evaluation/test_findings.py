"""The figures of an evaluation as rows: each number stands under its own name."""

from __future__ import annotations

from dataclasses import replace

from gestalt_space.evaluation.findings import findings_of
from gestalt_space.evaluation.gallery_results import EvaluationPlan
from gestalt_space.evaluation.own_gallery import evaluate_gallery
from gestalt_space.stats.resampling import Bootstrap
from tests.evaluation.made_data import random_data


def test_a_difference_has_its_p_the_one_held_and_the_seed():
    plan = EvaluationPlan(aggregations=("nearest", "centroid"), bootstrap=Bootstrap(100, 77))
    found = evaluate_gallery([random_data(1)], plan)
    # As if no two of them were alike.
    told = tuple(
        replace(one, found=replace(one.found, p=0.01 * place), p_held=0.02 * place)
        for place, one in enumerate(found.comparisons, start=1)
    )
    rows = [
        one
        for one in findings_of(replace(found, comparisons=told))
        if one.estimand.startswith("difference in ")
    ]
    assert len(rows) == len(told) > 0
    for row, one in zip(rows, told, strict=True):
        assert (row.p, row.p_adjusted, row.seed) == (one.found.p, one.p_held, 77)
        assert (row.estimate, row.n) == (one.found.difference.value, one.found.patients)
        assert (row.low, row.high) == (one.found.difference.low, one.found.difference.high)
