"""How much an engine finds: of photos of the gallery, as if their patients were new."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gestalt_space.gallery.engines.recorded import EngineRecall
from gestalt_space.gallery.engines.searching import EngineSearcher
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.approximate import NEAREST
from gestalt_space.index.approximating import MEASURED
from gestalt_space.index.engines.contract import EngineFilter
from gestalt_space.ranking.contenders import Nearest
from gestalt_space.ranking.grouping import Numbers

CANDIDATES = 800
"""Photos that an engine is asked for: as many as a match asks for to list ten lines."""


def measure_recall(
    searcher: EngineSearcher,
    state: GalleryState,
    *,
    seed: int = 0,
    progress: Callable[[float], object] | None = None,
) -> EngineRecall | None:
    """Of `MEASURED` photos at the most, drawn by `seed`; None where no photo has one of another
    patient to be compared with."""
    patients = state.patients
    rows = np.flatnonzero(patients >= 0)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(rows, min(MEASURED, len(rows)), replace=False))
    photos, disorders = [], []
    for done, row in enumerate(chosen.tolist(), start=1):
        probe = state.vectors_at(np.array([row]))[0]
        own = np.array([patients[row]])
        among = (patients >= 0) & (patients != own[0])
        if among.any():
            true = _truly_nearest(state, probe, among)
            found = _found(searcher, state, probe, own, among, len(_first_disorders(state, true)))
            photos.append(_share_of_photos(found, true))
            disorders.append(_share_of_disorders(state, found, true))
        if progress is not None:
            progress(done / len(chosen))
    if not photos:
        return None
    known = [one for one in disorders if one is not None]
    return EngineRecall(
        photos=float(np.mean(photos)),
        disorders=float(np.mean(known)) if known else 1.0,
        measured=len(photos),
        rows=searcher.position.rows,
    )


def _found(
    searcher: EngineSearcher,
    state: GalleryState,
    probe: NDArray[np.float32],
    own: Numbers,
    among: NDArray[np.bool_],
    disorders: int,
) -> Nearest:
    """What an engine finds, and more of it where that has too few disorders, as in a match."""
    count, most = CANDIDATES, int(np.count_nonzero(among))
    while True:
        found = searcher.nearest(probe, count, EngineFilter(without=own), among)
        if count >= most or len(_first_disorders(state, found)) >= disorders:
            return found
        count *= 4


def _truly_nearest(
    state: GalleryState, probe: NDArray[np.float32], among: NDArray[np.bool_]
) -> Nearest:
    """The photos nearest to a probe, so many that the first `NEAREST` disorders are among them."""
    count, most = CANDIDATES, int(np.count_nonzero(among))
    while True:
        (near,) = state.nearest_of(probe[None], count, among)
        near = state.exactly(probe, near, -np.inf)
        known = near.only(near.similarities > near.bound)
        if count >= most or len(_first_disorders(state, known)) >= NEAREST:
            return known
        count *= 4


def _share_of_photos(found: Nearest, true: Nearest) -> float:
    first = np.sort(true.similarities)[::-1][:NEAREST]
    # By similarity, since of photos as near as each other any may be among the nearest.
    return min(len(first), int((found.similarities >= first[-1]).sum())) / len(first)


def _share_of_disorders(state: GalleryState, found: Nearest, true: Nearest) -> float | None:
    first = _first_disorders(state, true)
    if not first:
        return None
    return len(set(first) & set(_first_disorders(state, found))) / len(first)


def _first_disorders(state: GalleryState, nearest: Nearest) -> list[int]:
    """The first `NEAREST` disorders, by the nearest photo of each."""
    order = np.argsort(-nearest.similarities, kind="stable")
    which, groups = state.people.groups_of("disorder", nearest.patients[order])
    groups = groups[np.argsort(which, kind="stable")]
    return list(dict.fromkeys(groups.tolist()))[:NEAREST]
