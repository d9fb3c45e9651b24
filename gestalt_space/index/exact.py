"""The exact index in NumPy: the oracle that every other backend is tested against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import check_descriptors
from gestalt_space.index.contract import check_known_ids, check_new_ids, nearest
from gestalt_space.types import Descriptors, Ids


class ExactIndex:
    """All descriptors in one array, compared by one matrix product."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.ids: Ids = np.zeros(0, dtype=np.int64)
        self.descriptors: Descriptors = np.zeros((0, dim), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: Ids, descriptors: Descriptors) -> None:
        """See `VectorIndex.add`."""
        rows = check_descriptors(descriptors, self.dim)
        self.ids = np.concatenate([self.ids, check_new_ids(ids, self.ids)])
        self.descriptors = np.concatenate([self.descriptors, rows])

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        keep = ~np.isin(self.ids, check_known_ids(ids, self.ids))
        self.ids, self.descriptors = self.ids[keep], self.descriptors[keep]

    def search(
        self, probes: Descriptors, k: int, among: Sequence[int] | Ids | None = None
    ) -> tuple[Ids, NDArray[np.float32]]:
        """See `VectorIndex.search`."""
        similarities, ids = self.similarities(probes), self.ids
        if among is not None:
            eligible = np.isin(ids, np.asarray(among, dtype=np.int64))
            similarities, ids = similarities[:, eligible], ids[eligible]
        return nearest(similarities, ids, k)

    def similarities(self, probes: Descriptors) -> NDArray[np.float32]:
        """See `VectorIndex.similarities`."""
        return check_descriptors(probes, self.dim) @ self.descriptors.T
