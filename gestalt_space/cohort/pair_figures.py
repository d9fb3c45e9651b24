"""Figures of the similarities of all pairs, block by block, so that memory does not grow with the
number of pairs: sums in a fixed order, and exact percentiles from counts of bits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from gestalt_space.cohort.workers import THREADS, Source, Workers, taken
from gestalt_space.types import Descriptors

SHARES = (0.05, 0.5, 0.95)
BLOCK = 2048
"""Rows and columns of a block."""
_HALF = 16
"""Bits of a similarity that are counted at a time."""
_SIGN = np.uint32(2**31)

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]
Keys = NDArray[np.uint32]
Block = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Similarities of pairs of families: their number, mean, standard deviation, and 5th, 50th and
    95th percentiles."""

    pairs: int
    mean: float
    sd: float
    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class _Moments:
    """Of some values: their number, mean, and sum of squared distances from it."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def __add__(self, other: _Moments) -> _Moments:
        """Of both (Chan, Golub and LeVeque 1983)."""
        count, apart = self.count + other.count, other.mean - self.mean
        return _Moments(
            count,
            self.mean + apart * (other.count / count),
            self.squares + other.squares + apart**2 * (self.count * other.count / count),
        )


def pair_figures(
    rows: Descriptors, columns: Descriptors | None = None, *, workers: Workers = THREADS
) -> PairFigures:
    """The figures of the inner products of all pairs of different `rows` `(n, d)`, or of rows with
    `columns` `(m, d)`.

    What does not fit into one block is computed twice: for the sums and the upper bits of all
    similarities, then for the lower bits of those near a percentile. The figures do not depend on
    the workers.
    """
    if max(len(rows), 0 if columns is None else len(columns)) <= BLOCK:
        values = _similarities(rows, columns)
        low, median, high = np.quantile(values.astype(np.float64), SHARES).tolist()
        sd = float(values.std(ddof=1, dtype=np.float64)) if len(values) > 1 else math.nan
        return PairFigures(len(values), float(values.mean(dtype=np.float64)), sd, low, median, high)
    whole = rows if columns is None else np.concatenate([rows, columns])
    blocks = list(_blocks(len(rows), len(whole), within=columns is None))
    moments, upper = _Moments(), np.zeros(2**_HALF, np.int64)
    with workers.handed(whole) as source:
        for more, counts in workers(partial(_UpperBits, source), blocks):
            moments += more
            upper += counts
        ends = np.cumsum(upper)
        places = [(moments.count - 1) * share for share in SHARES]
        asked = np.array([(math.floor(one), math.ceil(one)) for one in places])
        halves = np.searchsorted(ends, asked, side="right")
        wanted = np.unique(halves).astype(np.uint32)
        lower = np.zeros((len(wanted), 2**_HALF), np.int64)
        for counts in workers(partial(_LowerBits, source, wanted), blocks):
            lower += counts
    rest = asked - (ends - upper)[halves]
    ends_of_lower = np.cumsum(lower, axis=1)[np.searchsorted(wanted, halves)]
    keys = (halves << _HALF) + (ends_of_lower <= rest[..., None]).sum(axis=2)
    values = _values_of(keys.astype(np.uint32)).astype(np.float64)
    low, median, high = (
        float(np.quantile(two, place - math.floor(place)))
        for two, place in zip(values, places, strict=True)
    )
    sd = math.sqrt(moments.squares / (moments.count - 1))
    return PairFigures(moments.count, moments.mean, sd, low, median, high)


@dataclass(frozen=True)
class _UpperBits:
    """Of a block's similarities: the moments, and how many have each of the upper bits."""

    source: Source

    def __call__(self, block: Block) -> tuple[_Moments, Counts]:
        values = _of_block(self._rows, block)
        mean = float(values.mean(dtype=np.float64))
        squares = float(np.square(values - np.float64(mean)).sum())
        counts = np.bincount(_keys_of(values) >> _HALF, minlength=2**_HALF)
        return _Moments(len(values), mean, squares), counts

    @cached_property
    def _rows(self) -> Descriptors:
        return taken(self.source)


@dataclass(frozen=True)
class _LowerBits:
    """Of a block's similarities with some `wanted` `(w,)` upper bits: how many have each of the
    lower bits, `(w, 65536)`."""

    source: Source
    wanted: Keys

    def __call__(self, block: Block) -> Counts:
        keys = _keys_of(_of_block(self._rows, block))
        upper = keys >> _HALF
        found = [keys[upper == one] & (2**_HALF - 1) for one in self.wanted]
        return np.stack([np.bincount(one, minlength=2**_HALF) for one in found])

    @cached_property
    def _rows(self) -> Descriptors:
        return taken(self.source)


def _blocks(rows: int, whole: int, *, within: bool) -> Iterator[Block]:
    """Blocks on and above the diagonal, or of rows with those after them."""
    for top in range(0, rows, BLOCK):
        for left in range(top if within else rows, whole, BLOCK):
            block = slice(top, min(top + BLOCK, rows)), slice(left, min(left + BLOCK, whole))
            if top != left or top + 1 < rows:  # one row alone has no pairs
                yield block


def _of_block(rows: Descriptors, block: Block) -> Floats:
    one, other = block
    return _similarities(rows[one], None if one == other else rows[other])


def _similarities(rows: Descriptors, columns: Descriptors | None) -> Floats:
    if columns is not None:
        return (rows @ columns.T).ravel()
    return (rows @ rows.T)[np.triu_indices(len(rows), 1)]


def _keys_of(values: Floats) -> Keys:
    """Whole numbers in the order of the values."""
    bits = values.view(np.uint32)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _values_of(keys: Keys) -> Floats:
    bits: Keys = np.where(keys & _SIGN, keys ^ _SIGN, ~keys)
    return bits.view(np.float32)
