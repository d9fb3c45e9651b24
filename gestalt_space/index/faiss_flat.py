"""The exact index in FAISS: `IndexFlatIP` under `IndexIDMap2`."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import check_descriptors
from gestalt_space.index.contract import (
    TOLERANCE,
    check_known_ids,
    check_new_ids,
    rank_candidates,
)
from gestalt_space.types import Descriptors, Ids

SPARE = 16
"""Neighbours looked at beyond those asked for, at first."""


class FaissIndex:
    """FAISS exact inner product, with one copy of the descriptors, held by FAISS."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._flat = faiss.IndexFlatIP(dim)
        self._index = faiss.IndexIDMap2(self._flat)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def ids(self) -> Ids:
        """See `VectorIndex.ids`."""
        return np.asarray(faiss.vector_to_array(self._index.id_map), dtype=np.int64)

    @property
    def descriptors(self) -> Descriptors:
        """See `VectorIndex.descriptors`."""
        if not len(self):
            return np.zeros((0, self.dim), dtype=np.float32)
        flat = faiss.rev_swig_ptr(self._flat.get_xb(), len(self) * self.dim)
        rows: Descriptors = flat.reshape(len(self), self.dim)
        return rows

    def add(self, ids: Ids, descriptors: Descriptors) -> None:
        """See `VectorIndex.add`."""
        rows = check_descriptors(descriptors, self.dim)
        self._index.add_with_ids(rows, check_new_ids(ids, self.ids, len(rows)))

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        self._index.remove_ids(check_known_ids(ids, self.ids))

    def search(
        self, probes: Descriptors, k: int, among: Sequence[int] | Ids | None = None
    ) -> tuple[Ids, NDArray[np.float32]]:
        """See `VectorIndex.search`."""
        probes = check_descriptors(probes, self.dim)
        eligible, selector = len(self), None
        if among is not None:
            ids = np.intersect1d(self.ids, np.asarray(among, dtype=np.int64))
            eligible, selector = len(ids), faiss.IDSelectorBatch(ids)
        k = max(0, min(k, eligible))
        hits = np.zeros((len(probes), k), dtype=np.int64)
        similarities = np.zeros((len(probes), k), dtype=np.float32)
        for row, probe in enumerate(probes if k else probes[:0]):
            candidates = self._candidates(probe, k, eligible, selector)
            vectors = self._index.reconstruct_batch(candidates)
            hits[row], similarities[row] = rank_candidates(probe, candidates, vectors, k)
        return hits, similarities

    def _candidates(
        self, probe: Descriptors, k: int, eligible: int, selector: faiss.IDSelector | None
    ) -> Ids:
        """Identifiers of the `k` nearest and of all that are as near as the last within rounding.

        FAISS errs as single precision does, and breaks ties by an order of its own.
        """
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)
        wanted = k
        while True:
            wanted = min(2 * wanted + SPARE, eligible)
            found, ids = self._index.search(probe[None], wanted, params=parameters)
            near = found[0] >= found[0, k - 1] - TOLERANCE
            if wanted == eligible or not near[-1]:
                return np.asarray(ids[0][near], dtype=np.int64)

    def similarities(self, probes: Descriptors) -> NDArray[np.float32]:
        """See `VectorIndex.similarities`."""
        return check_descriptors(probes, self.dim) @ self.descriptors.T
