"""What of a filter an engine can take itself, so that it looks for photos that fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.ages import HALF_A_DAY
from gestalt_space.gallery.people import folded_hashes
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.engines.contract import EngineFilter
from gestalt_space.match.filters import PatientFilter
from gestalt_space.ranking.grouping import Numbers

FEW_PATIENTS = 2_000
"""Patients that an engine is told by their keys; of more, it gives photos of others, too."""


def pushed_filter(
    state: GalleryState, among: PatientFilter, rows: NDArray[np.bool_] | None, without: Numbers
) -> EngineFilter:
    """A filter that lets all in that `among` lets in, and perhaps others. `rows` `(n,)`: those that
    it lets in, None for all; `without`: patients who are no evidence, by their keys."""
    sites = next((values for key, values in among.texts if key == "site"), None)
    return EngineFilter(
        ages=None if among.age is None else (among.age[0] - HALF_A_DAY, among.age[1] + HALF_A_DAY),
        unknown_age=among.unknown_age,
        sites=None if sites is None else folded_hashes(sorted(sites)),
        patients=_few_patients(state, among, rows),
        without=without if 0 < len(without) <= FEW_PATIENTS else None,
    )


def _few_patients(
    state: GalleryState, among: PatientFilter, rows: NDArray[np.bool_] | None
) -> Numbers | None:
    if rows is None or all(key == "site" for key, _ in among.texts):
        return None
    patients = np.unique(state.patients[rows])
    return patients if len(patients) <= FEW_PATIENTS else None
