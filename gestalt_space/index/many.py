"""The nearest rows of many probes at once, by matrix products in float32."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.threads import matrix_products
from gestalt_space.types import Descriptors, Ids


def nearest_of_many(
    probes: Descriptors, blocks: Iterable[tuple[Ids, Descriptors]], count: int
) -> tuple[Ids, NDArray[np.float32]]:
    """The `count` nearest rows of each of `(q, d)` probes, in no order: numbers and products.

    `(q, k)` each, `k` at most `count` and all that the blocks have. `blocks`: the numbers `(m,)`
    and vectors `(m, d)` of rows.
    """
    import faiss

    rows = np.zeros((len(probes), 0), dtype=np.int64)
    values = np.zeros((len(probes), 0), dtype=np.float32)
    for numbers, vectors in blocks:
        with matrix_products():
            found, places = faiss.knn(
                probes, vectors, min(count, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT
            )
        values = np.concatenate([values, found], axis=1)
        rows = np.concatenate([rows, numbers[places]], axis=1)
        if values.shape[1] > count:
            best = np.argpartition(values, -count, axis=1)[:, -count:]
            values = np.take_along_axis(values, best, axis=1)
            rows = np.take_along_axis(rows, best, axis=1)
    return rows, values
