"""The exact index in NumPy: the oracle that every other backend is tested against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import check_descriptors
from gestalt_space.index.contract import check_known_ids, check_new_ids, rank_candidates
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
        self.ids = np.concatenate([self.ids, check_new_ids(ids, self.ids, len(rows))])
        self.descriptors = np.concatenate([self.descriptors, rows])

    def remove(self, ids: Ids) -> None:
        """See `VectorIndex.remove`."""
        keep = ~np.isin(self.ids, check_known_ids(ids, self.ids))
        self.ids, self.descriptors = self.ids[keep], self.descriptors[keep]

    def search(
        self, probes: Descriptors, k: int, among: Sequence[int] | Ids | None = None
    ) -> tuple[Ids, NDArray[np.float32]]:
        """See `VectorIndex.search`."""
        probes = check_descriptors(probes, self.dim)
        eligible = np.ones(len(self), dtype=bool) if among is None else np.isin(self.ids, among)
        ids, rows = self.ids[eligible], self.descriptors[eligible]
        k = max(0, min(k, len(ids)))
        found = [rank_candidates(probe, ids, rows, k) for probe in probes]
        return (
            np.array([hits for hits, _ in found], dtype=np.int64).reshape(len(probes), k),
            np.array([values for _, values in found], dtype=np.float32).reshape(len(probes), k),
        )

    def similarities(self, probes: Descriptors) -> NDArray[np.float32]:
        """See `VectorIndex.similarities`."""
        return check_descriptors(probes, self.dim) @ self.descriptors.T
