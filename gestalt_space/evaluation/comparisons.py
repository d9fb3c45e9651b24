"""Which comparisons an evaluation of one's own gallery makes."""

from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.gallery_results import Plan, SpaceResult
from gestalt_space.evaluation.paired import Comparison, compare
from gestalt_space.evaluation.topk import hits_of

COMPARED = (1, 10)
"""The k of comparisons."""


def between_aggregations(result: SpaceResult, plan: Plan) -> list[Comparison]:
    """Every aggregation against `nearest`, where that is among them, each patient's photos as
    one."""
    if "nearest" not in plan.aggregations:
        return []
    ranks, cases = result.answers.ranks, result.answers.cases
    space = result.data.space
    return [
        Comparison(
            space,
            how,
            space,
            "nearest",
            k,
            compare(
                hits_of(ranks[how], (k,))[:, 0],
                hits_of(ranks["nearest"], (k,))[:, 0],
                cases.patients,
                plan.bootstrap,
            ),
        )
        for how in plan.aggregations
        if how != "nearest"
        for k in COMPARED
    ]


def between_spaces(result: SpaceResult, other: SpaceResult, plan: Plan) -> list[Comparison]:
    """One space against another by each aggregation, on the cases that both have."""
    ours, theirs = _keys(result), _keys(other)
    common = sorted(ours.keys() & theirs.keys())
    if not common:
        return []
    patients = np.unique([patient for patient, _ in common], return_inverse=True)[1]
    places = np.array([ours[key] for key in common])
    other_places = np.array([theirs[key] for key in common])
    return [
        Comparison(
            result.data.space,
            how,
            other.data.space,
            how,
            k,
            compare(
                hits_of(result.answers.ranks[how][places], (k,))[:, 0],
                hits_of(other.answers.ranks[how][other_places], (k,))[:, 0],
                patients,
                plan.bootstrap,
            ),
        )
        for how in plan.aggregations
        for k in COMPARED
    ]


def _keys(result: SpaceResult) -> dict[tuple[str, str], int]:
    """The place of each case by the identifiers of its patient and its disorder."""
    cases, data = result.answers.cases, result.data
    return {
        (data.patients[int(patient)], data.titles[int(group)][0]): place
        for place, (patient, group) in enumerate(zip(cases.patients, cases.groups, strict=True))
    }
