"""The exact index in FAISS: `IndexFlatIP` under `IndexIDMap2`."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import check_descriptors
from gestalt_space.index.contract import check_known_ids, check_new_ids, nearest
from gestalt_space.types import Descriptors, Ids


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
        self._index.add_with_ids(rows, check_new_ids(ids, self.ids))

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        self._index.remove_ids(check_known_ids(ids, self.ids))

    def search(
        self, probes: Descriptors, k: int, among: Sequence[int] | Ids | None = None
    ) -> tuple[Ids, NDArray[np.float32]]:
        """See `VectorIndex.search`."""
        probes = check_descriptors(probes, self.dim)
        ids, parameters = self.ids, None
        if among is not None:
            ids = np.intersect1d(ids, np.asarray(among, dtype=np.int64))
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(ids))
        k = min(k, len(ids))
        if k <= 0 or not len(probes):
            return np.zeros((len(probes), 0), np.int64), np.zeros((len(probes), 0), np.float32)
        # FAISS breaks ties by its own order, so that those at the last place may be the wrong
        # ones; one more shows whether there are any there, and then all are ranked.
        found, hits = self._index.search(probes, min(k + 1, len(ids)), params=parameters)
        if found.shape[1] > k and (found[:, k - 1] == found[:, k]).any():
            columns = np.isin(self.ids, ids)
            return nearest(self.similarities(probes)[:, columns], self.ids[columns], k)
        order = np.lexsort((hits, -found), axis=1)[:, :k]
        return (
            np.take_along_axis(hits, order, axis=1).astype(np.int64),
            np.take_along_axis(found, order, axis=1),
        )

    def similarities(self, probes: Descriptors) -> NDArray[np.float32]:
        """See `VectorIndex.similarities`."""
        return check_descriptors(probes, self.dim) @ self.descriptors.T
