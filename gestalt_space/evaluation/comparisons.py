"""The comparisons in an evaluation of the user's own gallery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gestalt_space.evaluation.gallery_results import EvaluationPlan, SpaceResult
from gestalt_space.evaluation.paired import Difference, Over, PairedComparison, compare_hits
from gestalt_space.evaluation.topk import even_over_groups, hits_of
from gestalt_space.ranking.grouping import Numbers

COMPARED = (1, 10)
"""The k of comparisons."""


def between_aggregations(result: SpaceResult, plan: EvaluationPlan) -> list[PairedComparison]:
    """Every aggregation against `nearest`, if included, with each patient's photos as one probe."""
    if "nearest" not in plan.aggregations:
        return []
    ranks, cases = result.answers.ranks, result.answers.cases
    space, families = result.data.space, result.data.families[cases.patients]
    return [
        PairedComparison(space, how, space, "nearest", k, over, found)
        for how in plan.aggregations
        if how != "nearest"
        for k, over, found in _compared(
            ranks[how], ranks["nearest"], cases.patients, cases.groups, families, plan
        )
    ]


def between_spaces(
    result: SpaceResult, other: SpaceResult, plan: EvaluationPlan
) -> list[PairedComparison]:
    """One space against another for each aggregation, on the cases that both have."""
    ours, theirs = _keys(result), _keys(other)
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        return []
    places = np.array([ours[key] for key in common])
    other_places = np.array([theirs[key] for key in common])
    cases = result.answers.cases.of(places)
    families = result.data.families[cases.patients]
    return [
        PairedComparison(result.data.space, how, other.data.space, how, k, over, found)
        for how in plan.aggregations
        for k, over, found in _compared(
            result.answers.ranks[how][places],
            other.answers.ranks[how][other_places],
            cases.patients,
            cases.groups,
            families,
            plan,
        )
    ]


def _compared(
    ranks: Numbers,
    other: Numbers,
    patients: Numbers,
    groups: Numbers,
    families: Numbers,
    plan: EvaluationPlan,
) -> Iterator[tuple[int, Over, Difference]]:
    """Two rankings of the same cases `(c,)` compared, over cases and over disorders."""
    weights: dict[Over, NDArray[np.float64] | None]
    weights = {"cases": None, "disorders": even_over_groups(groups)}
    for k in COMPARED:
        ours, theirs = hits_of(ranks, (k,))[:, 0], hits_of(other, (k,))[:, 0]
        for over, weight in weights.items():
            found = compare_hits(
                ours, theirs, patients, plan.bootstrap, families=families, weights=weight
            )
            yield k, over, found


def _keys(result: SpaceResult) -> dict[tuple[str, str], int]:
    """The place of each case by the identifiers of its patient and its disorder."""
    cases, data = result.answers.cases, result.data
    return {
        (data.patients[int(patient)], data.titles[int(group)][0]): place
        for place, (patient, group) in enumerate(zip(cases.patients, cases.groups, strict=True))
    }
