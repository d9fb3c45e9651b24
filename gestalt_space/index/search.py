"""The search over a gallery's rows: candidates, with a bound on all that are none of them.

Rows are numbered through the segments in their order, then through the rows in memory. Few numbers
are compared by a plain product; above `PLAIN_NUMBERS` FAISS goes through 8-bit codes, and the
nearest are computed again from their float32 vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.descriptors import check_descriptors
from gestalt_space.index.accelerator import PROCESSOR, Accelerator
from gestalt_space.index.codes import CodedProbe, Mask, code_probe, rounding
from gestalt_space.index.exact import exact_similarities, products
from gestalt_space.index.gpu import HalfRows
from gestalt_space.index.many import nearest_of_many
from gestalt_space.index.segment import Rows, Segment, rows_at_once
from gestalt_space.index.threads import pool
from gestalt_space.types import Descriptors, Ids

PLAIN_NUMBERS = 25_000_000
"""Rows × dimension up to which the plain product is as fast as the codes."""
FEW_ROWS = 0.01
"""Share of all rows up to which the eligible ones are gathered and multiplied."""
FEW_PROBES = 8
"""Probes up to which each is searched for by itself; more are faster by products of matrices."""
_PROBES_AT_ONCE = 1024

Column = Literal["ids", "patients", "ages", "sites"]


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Rows `(m,)` int64, none twice, in no order, and their similarities `(m,)` float64.

    No eligible row that is not among them has an exact similarity above `bound`: -inf where all
    are. The similarities err by no more than `tolerance`: 0 where they are exact.
    """

    rows: Ids
    similarities: NDArray[np.float64]
    bound: float
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Rows, what their similarities are at most, and what those of all others are at most."""

    rows: Ids
    at_most: NDArray[np.float64]
    others: float = -np.inf


class Searcher:
    """A search over segments, and rows in memory after them. Immutable, and safe for threads."""

    def __init__(
        self,
        dim: int,
        segments: Sequence[Segment],
        tail: Rows | None = None,
        accelerator: Accelerator | None = None,
    ) -> None:
        self.dim = dim
        self.accelerator = accelerator
        """Has the segments' rows on a GPU, or not; what is found is the same."""
        self.segments = tuple(segments)
        self.parts: tuple[Rows, ...] = (*segments, *([] if tail is None else [tail]))
        self.offsets = [0, *np.cumsum([len(part) for part in self.parts], dtype=int).tolist()]
        """Where the rows of each part begin; the last is the number of all."""

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def column(self, name: Column) -> NDArray[Any]:
        """A column of all rows `(n,)`: a view where there is one part, else a copy."""
        columns = [getattr(part, name) for part in self.parts]
        if len(columns) == 1:
            return np.asarray(columns[0])
        kind = np.float64 if name == "ages" else np.int64
        return np.concatenate([np.zeros(0, dtype=kind), *columns])

    def of_rows(self, name: Column, rows: Ids) -> NDArray[Any]:
        """A column's values at rows `(m,)`, in any order: `(m,)`."""
        values = np.empty(len(rows), dtype=np.float64 if name == "ages" else np.int64)
        for part, places, local in self._split(rows):
            values[places] = getattr(part, name)[local]
        return values

    def vectors(self, rows: Ids) -> Descriptors:
        """A copy of the vectors of rows `(m,)`, in any order: `(m, d)`."""
        taken = np.empty((len(rows), self.dim), dtype=np.float32)
        for part, places, local in self._split(rows):
            taken[places] = part.take(local)
        return taken

    def exact(self, probe: NDArray[np.float32], rows: Ids) -> NDArray[np.float64]:
        """Similarities of a probe `(d,)` to rows `(m,)`, as `exact_similarities` gives them."""
        values = np.empty(len(rows), dtype=np.float64)
        for block in _blocks(len(rows), rows_at_once(self.dim)):
            values[block] = exact_similarities(probe, self.vectors(rows[block]))
        return values

    def exact_pairs(self, probes: Descriptors, which: Ids, rows: Ids) -> NDArray[np.float64]:
        """Similarities of pairs `(m,)`: of the probes `(q, d)`, which one, and a row."""
        values = np.empty(len(rows), dtype=np.float64)
        for block in _blocks(len(rows), rows_at_once(self.dim)):
            products = self.vectors(rows[block]).astype(np.float64) * probes[which[block]]
            values[block] = products.sum(axis=1)
        return values

    def similarities(self, probes: Descriptors) -> NDArray[np.float32]:
        """Similarities of `(q, d)` probes to all rows: `(q, n)`, within `rounding(dim)`.

        Those to removed rows mean nothing.
        """
        probes = check_descriptors(probes, self.dim)
        values = np.empty((len(probes), len(self)), dtype=np.float32)
        for part, start, end in self._places():
            values[:, start:end] = products(part.vectors, probes.T).T
        return values

    def candidates(
        self, probe: NDArray[np.float32], count: int, *, among: Mask | None = None
    ) -> Candidates:
        """About the `count` nearest of the eligible rows to a probe `(d,)`, or all where fewer are.

        `among` `(n,)`: which rows are eligible; None for all. Removed rows never are. Similarities
        are exact. Those above the bound are the nearest there are; of the others some may be
        missing, and a greater `count`, 1 or more, brings them. Raises `DescriptorError`.
        """
        probe = check_descriptors(probe[None], self.dim)[0]
        masks = self._masks(among)
        eligible = self._eligible(masks)
        if eligible <= max(count, FEW_ROWS * len(self)):
            found = self._by_gathering(probe, masks, count)
        elif (by_gpu := self._by_gpu(probe, masks, count)) is not None:
            found = by_gpu
        elif self._plain():
            found = self._by_product(probe, masks)
        else:
            found = self._by_codes(probe, masks, count)
        nearest = _nearest(found, count)
        return Candidates(nearest.rows, self.exact(probe, nearest.rows), nearest.others)

    def candidates_of(
        self, probes: Descriptors, count: int, among: Mask | None = None
    ) -> list[Candidates]:
        """`candidates` of each of `(q, d)` probes.

        Of more than a few probes the similarities are those of a product in float32, and err by
        `tolerance`. Holds about `min(q, 1,024) × count × 50` bytes.
        """
        probes = check_descriptors(probes, self.dim)
        if len(probes) <= FEW_PROBES or self._half_rows() is not None:
            return [self.candidates(probe, count, among=among) for probe in probes]
        masks = self._masks(among)
        all_found = self._eligible(masks) <= count
        error = rounding(self.dim)
        candidates = []
        for block in _blocks(len(probes), _PROBES_AT_ONCE):
            rows, values = nearest_of_many(probes[block], self._eligible_blocks(masks), count)
            candidates += [
                Candidates(row, value, -np.inf if all_found else float(value.min()) + error, error)
                for row, value in zip(rows, values.astype(np.float64), strict=True)
            ]
        return candidates

    @property
    def searched_on(self) -> str:
        """`processor`, or the name of the GPU that would search now."""
        if self.accelerator is None or not self._may_accelerate():
            return PROCESSOR
        return self.accelerator.searched_on(self.segments)

    def require_device(self) -> None:
        """Wait for a GPU that was asked for by name. Raises `DeviceUnavailable`."""
        if self.accelerator is not None:
            self.accelerator.require(self.segments)

    def prefetch(self) -> None:
        """Read the codes ahead, so that the first search does not fetch them page by page."""
        if self._plain():
            return
        for segment in self.segments:
            segment.codes.read_ahead()

    def _plain(self) -> bool:
        return len(self) * self.dim <= PLAIN_NUMBERS

    def _may_accelerate(self) -> bool:
        """Whether a GPU is worth it, or was asked for by name."""
        return self.accelerator is not None and (self.accelerator.required or not self._plain())

    def _half_rows(self) -> HalfRows | None:
        if self.accelerator is None or not self._may_accelerate():
            return None
        return self.accelerator.rows(self.segments)

    def _places(self) -> Iterator[tuple[Rows, int, int]]:
        yield from zip(self.parts, self.offsets, self.offsets[1:], strict=False)

    def _split(self, rows: Ids) -> Iterator[tuple[Rows, Ids, Ids]]:
        """Each part that some rows are of: their places among those given, and in the part."""
        for part, start, end in self._places():
            places = np.flatnonzero((rows >= start) & (rows < end))
            if len(places):
                yield part, places, rows[places] - start

    def _masks(self, among: Mask | None) -> list[Mask | None]:
        """Which rows of each part are eligible; None for all."""
        masks: list[Mask | None] = []
        for part, start, end in self._places():
            mask = part.kept
            if among is not None:
                wanted = among[start:end]
                mask = wanted if mask is None else mask & wanted
                mask = None if mask.all() else mask
            masks.append(mask)
        return masks

    def _eligible(self, masks: list[Mask | None]) -> int:
        return sum(
            len(part) if mask is None else int(np.count_nonzero(mask))
            for part, mask in zip(self.parts, masks, strict=True)
        )

    def _eligible_rows(self, masks: list[Mask | None]) -> Ids:
        rows = [
            np.arange(start, end) if mask is None else start + np.flatnonzero(mask)
            for (_, start, end), mask in zip(self._places(), masks, strict=True)
        ]
        return np.concatenate([np.zeros(0, dtype=np.int64), *rows])

    def _eligible_blocks(self, masks: list[Mask | None]) -> Iterator[tuple[Ids, Descriptors]]:
        """The eligible rows with their vectors: a whole part where all of it is, else by copies."""
        for (part, start, end), mask in zip(self._places(), masks, strict=True):
            if mask is None:
                yield np.arange(start, end), part.vectors
                continue
            local = np.flatnonzero(mask)
            for block in _blocks(len(local), 8 * rows_at_once(self.dim)):
                yield start + local[block], part.vectors[local[block]]

    def _by_gathering(
        self, probe: NDArray[np.float32], masks: list[Mask | None], count: int
    ) -> list[_Found]:
        rows = self._eligible_rows(masks)
        if len(rows) <= count:
            return [_Found(rows, np.zeros(len(rows)))]
        values = [
            products(part.take(local[block]), probe)
            for part, _, local in self._split(rows)
            for block in _blocks(len(local), rows_at_once(self.dim))
        ]
        return [_Found(rows, np.concatenate(values).astype(np.float64) + rounding(self.dim))]

    def _by_product(self, probe: NDArray[np.float32], masks: list[Mask | None]) -> list[_Found]:
        return [
            _product(probe, part, start, mask)
            for (part, start, _), mask in zip(self._places(), masks, strict=True)
        ]

    def _by_codes(
        self, probe: NDArray[np.float32], masks: list[Mask | None], count: int
    ) -> list[_Found]:
        coded = code_probe(probe)
        searches: list[Callable[[], _Found]] = []
        for (part, start, _), mask in zip(self._places(), masks, strict=True):
            if mask is not None and not mask.any():
                continue
            if isinstance(part, Segment):
                searches.append(partial(_coded, coded, part, start, mask, count))
            else:
                searches.append(partial(_product, probe, part, start, mask))
        return list(pool().map(lambda search: search(), searches))

    def _by_gpu(
        self, probe: NDArray[np.float32], masks: list[Mask | None], count: int
    ) -> list[_Found] | None:
        """None where no GPU has the rows, or it fails: the processor is still there."""
        rows = self._half_rows()
        if rows is None or self.accelerator is None:
            return None
        eligible = None
        of_segments = masks[: len(self.segments)]
        if any(mask is not None for mask in of_segments):
            eligible = np.concatenate(
                [
                    np.ones(len(part), dtype=bool) if mask is None else mask
                    for part, mask in zip(self.segments, of_segments, strict=True)
                ]
            )
        try:
            found = [_Found(*rows.search(probe, count, eligible))]
        except RuntimeError as error:  # torch has this for a GPU that is full or gone
            self.accelerator.lost(rows, error)
            return None
        if len(self.parts) > len(self.segments):
            found.append(_product(probe, self.parts[-1], self.offsets[-2], masks[-1]))
        return found


def _product(probe: NDArray[np.float32], part: Rows, start: int, mask: Mask | None) -> _Found:
    """All eligible rows of a part, by a product in float32."""
    values = products(part.vectors, probe)
    local = np.arange(len(part)) if mask is None else np.flatnonzero(mask)
    return _Found(start + local, values[local].astype(np.float64) + rounding(len(probe)))


def _coded(
    probe: CodedProbe, segment: Segment, start: int, mask: Mask | None, count: int
) -> _Found:
    """The nearest eligible rows of a segment by its codes."""
    rows, products = segment.codes.search(probe, count, mask)
    error = probe.greatest_error(segment.record.error, segment.record.dim)
    at_most = products / (probe.scale * segment.record.scale) + error
    return _Found(start + rows, at_most, float(at_most[-1]) if len(rows) == count else -np.inf)


def _nearest(found: list[_Found], count: int) -> _Found:
    """The `count` rows that may be nearest, of all that were found."""
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *(one.rows for one in found)])
    at_most = np.concatenate([np.zeros(0), *(one.at_most for one in found)])
    others = max((one.others for one in found), default=-np.inf)
    if len(rows) <= count:
        return _Found(rows, at_most, others)
    order = np.argpartition(-at_most, count - 1)
    kept, left = order[:count], order[count:]
    return _Found(rows[kept], at_most[kept], max(others, float(at_most[left].max())))


def _blocks(count: int, step: int) -> Iterator[slice]:
    for start in range(0, count, step):
        yield slice(start, start + step)
