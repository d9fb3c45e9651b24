"""The rows nearest to probes by their codes: one way through all rows for all probes at once.

A probe is two bytes a number, multiplied one after the other: its own error, as great as the rows'
with one byte, all but vanishes, and the products cost little beside the reading of the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.best import Best, BoundedRows
from gestalt_space.index.codes import CodedProbes, Mask, code_probes, rounding
from gestalt_space.index.exact import products
from gestalt_space.index.integers import MOST, Bytes, Product
from gestalt_space.index.segment import SearchRows, Segment
from gestalt_space.index.threads import pool
from gestalt_space.types import Descriptors

Place: TypeAlias = tuple[SearchRows, int, Mask | None]
"""A part, where its rows begin, and which of them are eligible; None for all."""

_NUMBERS = 2**18
"""Products that are held at a time: about what the processor's cache holds."""
_FEWEST, _MOST = 1024, 65536
"""Rows at a time: fewer cost more for the call than for the products."""


def nearest_by_codes(
    probes: Descriptors,
    places: Sequence[Place],
    count: int,
    product: Product,
    *,
    least: float = -np.inf,
) -> tuple[list[BoundedRows], float]:
    """For each of `(q, d)` probes the `count` eligible rows that may be nearest, but for those that
    are less similar than `least`; and how much an estimate errs at the most: similarities lie at
    most twice as far below what they are at most.

    Threads go through the rows, one a core, and what one has found spares the others work.
    """
    best = Best(len(probes), count, least)
    # Few rows are similar enough: there is no need to be more certain of them.
    split = SplitProbes.of(probes, fine=least == -np.inf)
    step = min(_MOST, max(_FEWEST, _NUMBERS // len(probes)))
    scans: list[Callable[[], float]] = []
    for part, offset, mask in places:
        if mask is not None and not mask.any():
            continue
        scan = (
            partial(_scan_codes, best, split, product)
            if isinstance(part, Segment)
            else partial(_scan_vectors, best, probes)
        )
        for start in range(0, len(part), step):
            rows = slice(start, start + step)
            scans.append(partial(scan, part, rows, offset, None if mask is None else mask[rows]))
    errors = list(pool().map(lambda scan: scan(), scans))
    return best.found(), max(errors, default=0.0)


@dataclass(frozen=True, slots=True)
class SplitProbes:
    """Probes of two bytes a number: `bytes` `(d, 2q)`, the high ones of all, then the low ones;
    a high one counts `times` as much. Where `times` is 1, there are no low ones: `(d, q)`."""

    coded: CodedProbes
    bytes: NDArray[np.int8]
    times: int

    @classmethod
    def of(cls, probes: Descriptors, *, fine: bool) -> SplitProbes:
        """Of probes `(q, d)`; `fine`: of two bytes, `times` as great as 32 bits allow."""
        most = min(2 * MOST, 2**31 // (MOST * (MOST + 1) * probes.shape[1]))
        times = max(1, most) if fine else 1
        coded = code_probes(probes, times)
        high = np.rint(coded.whole / times)
        parts = [high] if times == 1 else [high, coded.whole - high * times]
        return cls(coded, np.ascontiguousarray(np.concatenate(parts).T, dtype=np.int8), times)

    def products(self, codes: Bytes, product: Product) -> NDArray[np.int32]:
        """With codes `(m, d)`: `(m, q)`."""
        both = product(codes, self.bytes)
        if self.times == 1:
            return both
        count = both.shape[1] // 2
        found = both[:, :count] * np.int32(self.times)
        found += both[:, count:]
        return found


def _scan_codes(
    best: Best,
    probes: SplitProbes,
    product: Product,
    segment: Segment,
    rows: slice,
    offset: int,
    mask: Mask | None,
) -> float:
    """Offer what some rows of a segment have; how much their similarities can err at the most."""
    errors = probes.coded.greatest_errors(segment.record.error, segment.record.dim)
    steps = 1 / (probes.coded.scales * segment.record.scale)
    found = probes.products(segment.codes.bytes[rows], product)
    _offer(best, found, steps, errors, offset + rows.start, mask)
    return float(errors.max())


def _scan_vectors(
    best: Best, probes: Descriptors, part: SearchRows, rows: slice, offset: int, mask: Mask | None
) -> float:
    """Offer what some rows in memory have, by products in float32; how much these err."""
    error = rounding(probes.shape[1])
    every = np.ones(len(probes))
    values = products(part.vectors[rows], probes.T)
    _offer(best, values, every, error * every, offset + rows.start, mask)
    return error


def _offer(
    best: Best,
    values: NDArray[Any],
    steps: NDArray[np.float64],
    errors: NDArray[np.float64],
    first: int,
    mask: Mask | None,
) -> None:
    """Offer those of products `(m, q)` that are above the floor as `products × steps + errors`."""
    above = values > _lower((best.floor - errors) / steps, values.dtype)
    if mask is not None:
        above &= mask[:, None]
    local, which = np.divmod(np.flatnonzero(above), len(steps))
    if np.bincount(which).max(initial=0) > best.count:
        local, which = _highest(values, above, best.count)
    best.offer(which, first + local, values[local, which] * steps[which] + errors[which])


def _lower(limits: NDArray[np.float64], kind: np.dtype[Any]) -> NDArray[Any]:
    """Limits as products have them, none higher: whole blocks are compared in their own kind."""
    if kind.kind == "f":
        return np.asarray(np.nextafter(limits.astype(kind), np.array(-np.inf, kind)))
    of_kind = np.iinfo(kind)
    return np.asarray(np.clip(np.floor(limits), of_kind.min, of_kind.max).astype(kind))


def _highest(
    values: NDArray[Any], above: Mask, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of each probe's `count` highest products of those above."""
    lowest = -np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).min
    by_probe = np.where(above, values, lowest).T
    order = np.argpartition(by_probe, by_probe.shape[1] - count, axis=1)[:, -count:]
    which = np.repeat(np.arange(len(order)), count)
    local = order.ravel()
    kept = above[local, which]
    return local[kept], which[kept]
