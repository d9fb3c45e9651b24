"""The aggregations written out in plain loops, as their descriptions say."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gestalt_space.ranking.aggregation import VOTERS


def scores(
    how: str,
    similarities: Sequence[float],
    patient_of_row: Sequence[int],
    groups: Sequence[Sequence[int]],
    left_out: Collection[int],
    descriptors: np.ndarray | None = None,
) -> dict[int, float]:
    """The score of every group that has another patient than those of the probe's own family."""
    rows_of: dict[int, list[int]] = {}
    for row, patient in enumerate(patient_of_row):
        if patient not in left_out:
            rows_of.setdefault(patient, []).append(row)
    present = {
        number: [patient for patient in patients if patient in rows_of]
        for number, patients in enumerate(groups)
    }
    present = {number: patients for number, patients in present.items() if patients}
    ranked = {patient for patients in present.values() for patient in patients}
    best = {p: max(similarities[row] for row in rows_of[p]) for p in ranked}
    nearest = {number: max(best[p] for p in patients) for number, patients in present.items()}
    if how == "nearest":
        return nearest
    mean = {p: float(np.mean([similarities[row] for row in rows_of[p]])) for p in ranked}
    if how == "patient-mean" or not present:
        return {number: max(mean[p] for p in patients) for number, patients in present.items()}
    if how == "vote" and present:
        return _votes(best, nearest, present)
    assert descriptors is not None
    centroid = {}
    for number, patients in present.items():
        middle = np.mean([descriptors[rows_of[p]].mean(axis=0) for p in patients], axis=0)
        length = max(float(np.linalg.norm(middle)), 1e-6)
        centroid[number] = float(np.mean([mean[p] for p in patients])) / length
    if how == "centroid":
        return centroid
    return {number: (centroid[number] + nearest[number]) / 2 for number in present}


def _votes(
    best: dict[int, float], nearest: dict[int, float], present: dict[int, list[int]]
) -> dict[int, float]:
    values = sorted(best.values(), reverse=True)
    last = values[min(VOTERS, len(values)) - 1]
    votes = {p: max(0.0, value) for p, value in best.items() if value >= last}
    total = max(sum(votes.values()), 1e-6)
    shares = {
        number: sum(votes.get(p, 0.0) for p in patients) / total
        for number, patients in present.items()
    }
    return {n: share if share > 0 else nearest[n] - 2 for n, share in shares.items()}
