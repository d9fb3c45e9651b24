"""Similarities of all pairs within a set or between two sets, and ranks among controls, from
arrays.

In a notebook: `similarity_matrix(descriptors)`. `blocks` has matrices larger than memory,
`selection` the choice of patients.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from gestalt_space.devices import cores
from gestalt_space.errors import DescriptorError, SpaceMismatch, UsageError
from gestalt_space.progress import Progress, no_progress
from gestalt_space.types import Descriptors

Matrix = NDArray[np.float32]
Starts = NDArray[np.int64]
Value = Literal["similarity", "distance", "rank"]
VALUES: tuple[Value, ...] = ("similarity", "distance", "rank")
CELL = 640
"""Rows and columns that are multiplied at once, by one thread: finished in cache, and little is
multiplied twice on the diagonal. The last bits of a product depend on its shape and on the number
of threads, so every matrix within a set is made of these cells, wherever they are computed."""
TILE = 3 * CELL
"""Rows and columns that are written at once."""
OWN = -1
"""The rank of a photo of the probe's own patient or family."""
_LENGTH_ERROR = 1e-3


def similarity_matrix(
    descriptors: Descriptors, others: Descriptors | None = None, *, value: Value = "similarity"
) -> Matrix:
    """Similarity of all pairs `(n, n)`, or of rows with rows of `others` `(n, m)`; float32, -1..1.

    Within a set the matrix is symmetric to the last bit, and its diagonal exactly 1. `value`
    "distance" gives 1 − similarity, 0..2. Raises `DescriptorError` for rows that are not of unit
    length, `SpaceMismatch` for two lengths, `UsageError` for an empty set or the value "rank",
    which needs controls: `rank_matrix`.
    """
    if value == "rank":
        raise UsageError("Ranks need controls.", "Call rank_matrix.")
    rows = sound_descriptors(descriptors)
    distance = value == "distance"
    if others is None:
        found = np.empty((len(rows), len(rows)), np.float32)
        for top, left, tile in upper_tiles(rows, distance=distance, tile=CELL):
            height, width = tile.shape
            found[top : top + height, left : left + width] = tile
            if left > top:
                found[left : left + width, top : top + height] = transposed(tile)
        return found
    columns = sound_descriptors(others)
    if rows.shape[1] != columns.shape[1]:
        raise SpaceMismatch(
            f"The two sets are of different spaces: their descriptors have {rows.shape[1]} and "
            f"{columns.shape[1]} numbers.",
            "Encode both sets with the same model.",
        )
    found = np.empty((len(rows), len(columns)), np.float32)
    for start in range(0, len(rows), TILE):
        part = found[start : start + TILE]
        np.matmul(rows[start : start + TILE], columns.T, out=part)
        _finish(part, distance)
    return found


def upper_tiles(
    descriptors: Descriptors,
    *,
    distance: bool = False,
    tile: int = TILE,
    first: int = 0,
    held: int = 0,
) -> Iterator[tuple[int, int, Matrix]]:
    """The tiles on and above the diagonal, from row `first` on: top, left, and the values, which
    one thread a core computes ahead.

    The values below the diagonal are their transposes. Arrays are reused: besides the newest tile,
    the `held` before it are valid.
    """
    from threadpoolctl import threadpool_limits

    count, threads = len(descriptors), cores()
    tile = min(tile, count)
    places = [(top, left) for top in range(first, count, tile) for left in range(top, count, tile)]
    rooms = cycle([np.empty(tile * tile, np.float32) for _ in range(threads + held)])
    ahead: deque[Future[Matrix]] = deque()
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:

        def start(top: int, left: int) -> None:
            shape = min(tile, count - top), min(tile, count - left)
            values = next(rooms)[: shape[0] * shape[1]].reshape(shape)
            ahead.append(pool.submit(fill_tile, values, descriptors, top, left, distance=distance))

        for place in places[:threads]:
            start(*place)
        for number, (top, left) in enumerate(places, start=threads):
            yield top, left, ahead.popleft().result()
            if number < len(places):
                start(*places[number])


def fill_tile(
    values: Matrix, descriptors: Descriptors, top: int, left: int, *, distance: bool = False
) -> Matrix:
    """Compute the tile whose first cell is at `top`, `left`, cell by cell, and give it back.

    On or above the diagonal. The values are those of every other call to the last bit, if `top` and
    `left` are multiples of `CELL`, and the process multiplies with one thread.
    """
    height, width = values.shape
    scratch = np.empty(min(CELL, height) * min(CELL, width), np.float32)
    for row in range(0, height, CELL):
        rows = descriptors[top + row : top + min(row + CELL, height)]
        for column in range(row if left == top else 0, width, CELL):
            columns = descriptors[left + column : left + min(column + CELL, width)]
            # Of one shape and layout in every tile, so that it takes the same way through BLAS.
            cell = scratch[: len(rows) * len(columns)].reshape(len(rows), len(columns))
            np.matmul(rows, columns.T, out=cell)
            is_diagonal = left + column == top + row
            if is_diagonal:
                # A product is symmetric in exact arithmetic alone.
                np.maximum(cell, transposed(cell), out=cell)
                np.fill_diagonal(cell, 1)
            _finish(cell, distance)
            values[row : row + len(rows), column : column + len(columns)] = cell
            if left == top and not is_diagonal:
                values[column : column + len(columns), row : row + len(rows)] = transposed(cell)
    return values


def transposed(tile: Matrix) -> Matrix:
    """A tile's transpose as an array of its own: by OpenCV, in a quarter of NumPy's time."""
    return np.asarray(cv2.transpose(tile), np.float32).reshape(tile.shape[::-1])


def patient_similarity_matrix(
    similarities: Matrix, row_starts: Starts, column_starts: Starts | None = None
) -> Matrix:
    """The similarity of the nearest photos of each two patients `(p, q)`, from photos' similarities
    `(n, m)`.

    `row_starts` `(p,)`: the first row of each patient, beginning with 0; `column_starts`: the same
    for columns, by default equal.
    """
    columns = row_starts if column_starts is None else column_starts
    by_row = np.maximum.reduceat(similarities, row_starts, axis=0)
    return np.maximum.reduceat(by_row, columns, axis=1)


def rank_matrix(
    cohort: Descriptors,
    controls: Descriptors,
    owners: NDArray[np.int64],
    control_owners: NDArray[np.int64],
    *,
    probes: Descriptors | None = None,
    probe_owners: NDArray[np.int64] | None = None,
    progress: Progress = no_progress,
) -> NDArray[np.int32]:
    """The rank of each photo of a cohort in each probe's pool `(n, p)`, 0 for the nearest.

    Rows are the cohort's photos, columns the probes: the published rank matrix (Hsieh 2022). A pool
    is the cohort `(n, d)` and the controls `(m, d)`, by decreasing similarity, without the photos
    of the probe's own patient, whose cells are -1. Owners are numbers of patients, or of families,
    used consistently in all sets; by default the probes are the cohort. Ties are broken by row,
    with the cohort before the controls.
    """
    all_probes = cohort if probes is None else probes
    all_owners = owners if probes is None or probe_owners is None else probe_owners
    to_cohort = similarity_matrix(all_probes, None if probes is None else cohort)
    found = np.empty((len(cohort), len(all_probes)), np.int32)
    step = max(1, min(256, 2**25 // max(1, len(controls))))
    for start in range(0, len(all_probes), step):
        rows = slice(start, start + step)
        to_controls = (
            similarity_matrix(all_probes[rows], controls)
            if len(controls)
            else np.empty((len(all_probes[rows]), 0), np.float32)
        )
        found[:, rows] = ranks_among(
            to_cohort[rows], to_controls, all_owners[rows], owners, control_owners
        ).T
        progress(min(start + step, len(all_probes)), len(all_probes))
    return found


def ranks_among(
    to_cohort: Matrix,
    to_controls: Matrix,
    probe_owners: NDArray[np.int64],
    owners: NDArray[np.int64],
    control_owners: NDArray[np.int64],
) -> NDArray[np.int32]:
    """The ranks of a cohort's members in each probe's pool `(p, n)`, from similarities.

    `to_cohort` `(p, n)`; `to_controls` `(p, m)`, which is sorted in place; -1 if the member belongs
    to the probe's own patient or family, according to the owners. No indices are sorted: a member's
    rank is the number of nearer members, plus the number of nearer controls, which is looked up in
    their sorted values.
    """
    found = np.empty(to_cohort.shape, np.int32)
    order_of_controls = np.argsort(control_owners, kind="stable")
    sorted_owners = control_owners[order_of_controls]
    left = np.searchsorted(sorted_owners, probe_owners, side="left")
    right = np.searchsorted(sorted_owners, probe_owners, side="right")
    for row, (low, high) in enumerate(zip(left, right, strict=True)):
        to_controls[row, order_of_controls[low:high]] = -np.inf
    to_controls.sort(axis=1)
    count = to_controls.shape[1]
    for row, similarities in enumerate(to_cohort):
        own = owners == probe_owners[row]
        others = np.flatnonzero(~own)
        order = others[np.argsort(-similarities[others], kind="stable")]
        values = similarities[order]
        nearer = count - np.searchsorted(to_controls[row], values, side="right")
        found[row, order] = np.arange(len(order)) + nearer
        found[row, own] = OWN
    return found


def _finish(values: Matrix, distance: bool) -> None:
    np.clip(values, -1, 1, out=values)
    if distance:
        np.subtract(1, values, out=values)


def sound_descriptors(descriptors: Descriptors) -> Descriptors:
    """Descriptors in the form that products need. Raises if they are invalid."""
    rows = np.ascontiguousarray(descriptors, np.float32)
    if rows.ndim != 2 or not rows.size:
        raise UsageError(
            f"Descriptors of shape {rows.shape} are not a set of photos.",
            "Give an array of shape (photos, numbers).",
        )
    lengths = np.einsum("nd,nd->n", rows, rows)
    if not np.all(np.abs(lengths - 1) < _LENGTH_ERROR):
        raise DescriptorError(
            "A descriptor is not of unit length, or not finite.",
            "Divide each by its length: d / np.linalg.norm(d, axis=1, keepdims=True).",
        )
    return rows
