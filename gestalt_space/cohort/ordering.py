"""The order in which a matrix is shown: rows and columns as the leaves of a tree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.clusters import average_linkage
from gestalt_space.cohort.cohort_matrix import CohortMatrix

_FEWEST = 3


@dataclass(frozen=True)
class Ordering:
    """Places of rows `(n,)` and of columns `(m,)` in the order of their trees. `row_tree`
    `(n − 1, 4)`: that of the rows, as SciPy's linkage; None for fewer than three rows."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    row_tree: NDArray[np.float64] | None


def clustered_order(matrix: CohortMatrix) -> Ordering:
    """The order of average linkage.

    Within a set it uses the distances themselves, and for ranks the mean of both directions.
    Between two sets, rows are compared by the root of their mean squared difference, and columns
    likewise.
    """
    values = matrix.values.astype(np.float64)
    if not matrix.is_within:
        rows, tree = _leaves(_between_rows(values))
        columns, _ = _leaves(_between_rows(values.T))
        return Ordering(rows, columns, tree)
    distances = 1 - values if matrix.about["value"] == "similarity" else values
    order, tree = _leaves(np.maximum(distances + distances.T, 0) / 2)
    return Ordering(order, order, tree)


def _leaves(
    distances: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    from scipy.cluster.hierarchy import leaves_list

    if len(distances) < _FEWEST:
        return np.arange(len(distances)), None
    tree = average_linkage(distances, ordered=True)
    return np.asarray(leaves_list(tree), np.int64), tree


def _between_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.einsum("ij,ij->i", values, values)
    found = squares[:, None] + squares[None] - 2 * values @ values.T
    return np.asarray(np.sqrt(np.maximum(found, 0) / values.shape[1]))
