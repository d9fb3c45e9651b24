"""The ranks of a gallery's own patients, written out in plain loops over identifiers."""

from __future__ import annotations

import numpy as np

from gestalt_space.evaluation.gallery_data import SpaceData
from tests.evaluation.made_data import disorders_of
from tests.ranking import oracle


def ranks(data: SpaceData, how: str, *, as_one: bool) -> dict[tuple[int, int, int], int]:
    """By row (-1: all photos as one), patient and disorder: the rank of every testable case."""
    disorders = disorders_of(data)
    groups = [
        [patient for patient, of in enumerate(disorders) if number in of]
        for number in range(len(data.titles))
    ]
    found = {}
    for row, patient, descriptor in _probes(data, as_one):
        own = [number for number, patients in enumerate(groups) if patient in patients]
        scores = oracle.scores(
            how,
            (data.descriptors @ descriptor).tolist(),
            data.patient_of_row.tolist(),
            groups,
            relatives(data, patient),
            data.descriptors,
        )
        for true in own:
            if true not in scores:
                continue
            others = [number for number in scores if number not in own]
            ahead = [
                number for number in others if (-scores[number], number) < (-scores[true], true)
            ]
            found[row, patient, true] = 1 + len(ahead)
    return found


def relatives(data: SpaceData, patient: int) -> set[int]:
    """The patient, and who shares the family."""
    families = data.grouping.family_of(np.arange(len(data.patients)))
    return set(np.flatnonzero(families == families[patient]).tolist())


def _probes(data: SpaceData, as_one: bool) -> list[tuple[int, int, np.ndarray]]:
    rows_of: dict[int, list[int]] = {}
    for row, patient in enumerate(data.patient_of_row.tolist()):
        rows_of.setdefault(patient, []).append(row)
    if not as_one:
        return [(r, p, data.descriptors[r]) for p, rows in rows_of.items() for r in rows]
    means = {p: data.descriptors[rows].astype(np.float64).mean(0) for p, rows in rows_of.items()}
    return [(-1, p, (mean / np.linalg.norm(mean)).astype(np.float32)) for p, mean in means.items()]
