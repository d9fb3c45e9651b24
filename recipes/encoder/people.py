"""Who is who among photos without names: photos of one person by what face recognition says."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gestalt_space.encoders.registry import open_encoder
from gestalt_space.faces.alignment import align
from gestalt_space.simulate.real_faces import RealFace
from gestalt_space.training.splits import held_out, validating
from gestalt_space.weights.store import ModelStore

LEAST_ALIKE = 0.8
"""Cosine of two descriptors of MobileFaceNet from which two photos are taken for one person's."""
_BLOCK = 1024


def same_people(faces: Sequence[RealFace], recogniser: Path | None) -> NDArray[np.int64]:
    """The number of each photo's person, by a face encoder; without one, nobody has two photos."""
    if recogniser is None:
        return np.arange(len(faces))
    with tempfile.TemporaryDirectory() as folder:
        store = ModelStore(Path(folder))
        store.add(recogniser, name="recogniser", accept_license=True)
        encoder = open_encoder(store.get("recogniser"))
        parts = [
            encoder.encode(
                np.stack([align(f.portrait.pixels, f.portrait.landmarks) for f in some])
            )[:, 0]
            for some in (faces[row : row + _BLOCK] for row in range(0, len(faces), _BLOCK))
        ]
    return joined(np.concatenate(parts))


def joined(descriptors: NDArray[np.float32]) -> NDArray[np.int64]:
    """The number of each photo's person, of descriptors `(n, d)` of unit length."""
    count = len(descriptors)
    pairs = []
    for start in range(0, count, _BLOCK):
        alike = descriptors[start : start + _BLOCK] @ descriptors.T > LEAST_ALIKE
        rows, columns = np.nonzero(alike)
        pairs.append(np.stack([rows + start, columns]))
    rows, columns = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def trained_on(names: Sequence[str], people: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which photos training may see: those of people of whom no photo is kept for measuring."""
    kept = np.array([held_out(name) or validating(name) for name in names], bool)
    return ~np.isin(people, people[kept])


def validated_on(names: Sequence[str], people: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which photos serve to choose: of people of whom none is held out, one photo each."""
    rows = np.flatnonzero([validating(name) for name in names])
    first = rows[np.unique(people[rows], return_index=True)[1]]
    chosen = np.zeros(len(names), bool)
    chosen[first] = True
    return chosen & ~np.isin(people, people[[held_out(name) for name in names]])
