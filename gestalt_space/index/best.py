"""The highest of what threads find for many probes, and what all else lies under."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from gestalt_space.types import Ids


@dataclass(frozen=True, slots=True, eq=False)
class BoundedRows:
    """Rows `(m,)`, what their similarities are at most `(m,)`, and what those of all others are at
    most: -inf where there are none."""

    rows: Ids
    at_most: NDArray[np.float64]
    others: float = -np.inf


def best_of(found: list[BoundedRows], count: int) -> BoundedRows:
    """The `count` rows that may be nearest, of all that were found."""
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *(one.rows for one in found)])
    at_most = np.concatenate([np.zeros(0), *(one.at_most for one in found)])
    others = max((one.others for one in found), default=-np.inf)
    if len(rows) <= count:
        return BoundedRows(rows, at_most, others)
    order = np.argpartition(-at_most, count - 1)
    kept, left = order[:count], order[count:]
    return BoundedRows(rows[kept], at_most[kept], max(others, float(at_most[left].max())))


class Best:
    """The `count` highest values of each of `probes` probes that are above `least`, with the rows
    that they are of.

    Threads offer values; those that are not above their probe's `floor` need not be.
    """

    def __init__(self, probes: int, count: int, least: float = -np.inf) -> None:
        self.floor: NDArray[np.float64] = np.full(probes, least)
        """`(q,)`; it only rises, and is replaced as a whole: threads read it as it is."""
        self.count = count
        self._rows = np.zeros((probes, 2 * count), dtype=np.int64)
        self._values = np.full((probes, 2 * count), -np.inf)
        self._filled = np.zeros(probes, dtype=np.int64)
        self._lock = Lock()

    def offer(self, which: Ids, rows: Ids, values: NDArray[np.float64]) -> None:
        """Values `(m,)` of rows, for probes by their numbers: at most `count` for each probe."""
        order = np.argsort(which, kind="stable")
        which, rows, values = which[order], rows[order], values[order]
        new = np.bincount(which, minlength=len(self._filled))
        within = np.arange(len(which)) - np.repeat(np.cumsum(new) - new, new)
        with self._lock:
            if (self._filled + new).max() > self._rows.shape[1]:
                self._keep()
            places = self._filled[which] + within
            self._rows[which, places] = rows
            self._values[which, places] = values
            self._filled += new
            if len(new) == 1 or np.isneginf(self.floor).any():
                self._keep()

    def found(self) -> list[BoundedRows]:
        """What was found for each probe, once all is offered; rows in no order."""
        with self._lock:
            self._keep()
            return [
                BoundedRows(rows[:filled], values[:filled], float(floor))
                for rows, values, filled, floor in zip(
                    self._rows, self._values, self._filled, self.floor, strict=True
                )
            ]

    def _keep(self) -> None:
        """Let go of all but the highest."""
        count = self.count
        # The others' values must stay in the places that are filled.
        many = np.flatnonzero(self._filled > count)
        if len(many):
            order = np.argpartition(-self._values[many], count - 1, axis=1)[:, :count]
            for kept in (self._rows, self._values):
                kept[many, :count] = np.take_along_axis(kept[many], order, axis=1)
            self._values[many, count:] = -np.inf
            self._filled[many] = count
        self.floor = np.maximum(self.floor, self._values[:, :count].min(axis=1))
