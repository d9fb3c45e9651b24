"""The search over a gallery's rows: candidates, with a bound on all that are none of them.

Rows are numbered through the segments in their order, then through the rows in memory. Few numbers
are compared by a plain product, above `PLAIN_NUMBERS` by 8-bit codes; what is exact is computed
from the float32 vectors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gestalt_space.call_batching import BatchedCalls
from gestalt_space.descriptors import check_descriptors
from gestalt_space.index.accelerator import PROCESSOR, Accelerator
from gestalt_space.index.best import BoundedRows, best_of
from gestalt_space.index.coded import nearest_by_codes
from gestalt_space.index.codes import CodedProbes, Mask, code_probes, rounding
from gestalt_space.index.exact import exact_similarities, products
from gestalt_space.index.gpu import HalfRows
from gestalt_space.index.integers import integer_product
from gestalt_space.index.many import nearest_of_many
from gestalt_space.index.segment import SearchRows, Segment, rows_at_once
from gestalt_space.index.threads import pool
from gestalt_space.types import Descriptors, Ids

PLAIN_NUMBERS = 25_000_000
"""Rows × dimension up to which the plain product is as fast as the codes."""
FEW_ROWS = 0.01
"""Share of all rows up to which the eligible ones are gathered and multiplied."""
FEW_PROBES = 8
"""Probes up to which each is searched for by itself; more are faster by products of matrices."""
_MOST_PROBES, _MOST_FOUND = 1024, 2**21
"""Probes, and rows found for all of them together, at a time."""
_MOST_JOINED = 64
"""Probes of several threads that are searched for together, at the most."""

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
class _Query:
    """What is looked for: about `count` rows near to each of the probes `(q, d)`, that are not less
    similar than `least`. `masks`: which rows of each part are eligible, None for all; `eligible` of
    them are. `shared`: all are, as in others' searches."""

    probes: Descriptors
    count: int
    masks: list[Mask | None]
    eligible: int
    least: float
    shared: bool


class Searcher:
    """A search over segments, and rows in memory after them. Immutable, and safe for threads."""

    def __init__(
        self,
        dim: int,
        segments: Sequence[Segment],
        tail: SearchRows | None = None,
        accelerator: Accelerator | None = None,
    ) -> None:
        self.dim = dim
        self.accelerator = accelerator
        """Has the segments' rows on a GPU, or not; what is found is the same."""
        self.segments = tuple(segments)
        self.parts: tuple[SearchRows, ...] = (*segments, *([] if tail is None else [tail]))
        self.offsets = [0, *np.cumsum([len(part) for part in self.parts], dtype=int).tolist()]
        """Where the rows of each part begin; the last is the number of all."""
        self._together = BatchedCalls(
            self._joined,
            kind=lambda one: one.count,
            weight=lambda one: len(one.probes),
            most=_MOST_JOINED,
        )

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
        # In the rows' order: those that many probes ask for are read once.
        order = np.argsort(rows, kind="stable")

        def work(block: slice) -> None:
            some = order[block]
            multiplied = self.vectors(rows[some]).astype(np.float64)
            multiplied *= probes[which[some]]
            values[some] = multiplied.sum(axis=1)

        list(pool().map(work, _blocks(len(rows), rows_at_once(self.dim))))
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
        """`candidates_of` one probe `(d,)`, with exact similarities."""
        (found,) = self.candidates_of(probe[None], count, among)
        if not found.tolerance:
            return found
        return Candidates(found.rows, self.exact(probe, found.rows), found.bound)

    def candidates_of(
        self,
        probes: Descriptors,
        count: int,
        among: Mask | None = None,
        *,
        least: float = -np.inf,
    ) -> list[Candidates]:
        """About the `count` nearest of the eligible rows to each of `(q, d)` probes, or all where
        fewer are; rows that are less similar than `least` may be left out.

        `among` `(n,)`: which rows are eligible; None for all. Removed rows never are. Those above
        the bound are the nearest there are; of the others some may be missing, and a greater
        `count`, 1 or more, brings them. Holds some megabytes, and about `50 × count` bytes for each
        of the probes. Raises `DescriptorError`.
        """
        probes = check_descriptors(probes, self.dim)
        masks = self._masks(among)
        query = _Query(probes, count, masks, self._eligible(masks), least, shared=among is None)
        at_once = max(1, min(_MOST_PROBES, _MOST_FOUND // count))
        found: list[Candidates] = []
        for block in _blocks(len(probes), at_once):
            found += self._candidates(replace(query, probes=probes[block]))
        return found

    def _candidates(self, query: _Query) -> list[Candidates]:
        few = query.eligible <= max(query.count, FEW_ROWS * len(self))
        if not few and (by_gpu := self._by_gpu(query)) is not None:
            return by_gpu
        if not few and not self._plain() and integer_product(self.dim) is not None:
            together = query.shared and query.least == -np.inf
            return self._together(query) if together else self._by_integers(query)
        if len(query.probes) > FEW_PROBES:
            return self._by_matrices(query)
        by = self._by_gathering if few else self._by_product if self._plain() else self._by_faiss
        return [self._exactly(probe, by(probe, query), query.count) for probe in query.probes]

    def _exactly(
        self, probe: NDArray[np.float32], found: list[BoundedRows], count: int
    ) -> Candidates:
        nearest = best_of(found, count)
        return Candidates(nearest.rows, self.exact(probe, nearest.rows), nearest.others)

    def _joined(self, calls: Sequence[_Query]) -> list[list[Candidates]]:
        """What several threads look for among all rows, by one way through them."""
        probes = np.concatenate([one.probes for one in calls])
        found = iter(self._by_integers(replace(calls[0], probes=probes)))
        return [list(itertools.islice(found, len(one.probes))) for one in calls]

    def _by_integers(self, query: _Query) -> list[Candidates]:
        product = integer_product(self.dim)
        assert product is not None, "looked at before"  # noqa: S101
        places = [
            (part, start, mask)
            for (part, start, _), mask in zip(self._places(), query.masks, strict=True)
        ]
        found, tolerance = nearest_by_codes(
            query.probes, places, query.count, product, least=query.least
        )
        return [
            Candidates(one.rows, one.at_most - tolerance, one.others, tolerance) for one in found
        ]

    def _by_matrices(self, query: _Query) -> list[Candidates]:
        error = rounding(self.dim)
        every = query.eligible <= query.count
        found = nearest_of_many(query.probes, self._eligible_blocks(query.masks), query.count)
        return [
            Candidates(row, value, -np.inf if every else float(value.min()) + error, error)
            for row, value in zip(found[0], found[1].astype(np.float64), strict=True)
        ]

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

    def _places(self) -> Iterator[tuple[SearchRows, int, int]]:
        yield from zip(self.parts, self.offsets, self.offsets[1:], strict=False)

    def _split(self, rows: Ids) -> Iterator[tuple[SearchRows, Ids, Ids]]:
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

    def _by_gathering(self, probe: NDArray[np.float32], query: _Query) -> list[BoundedRows]:
        rows = self._eligible_rows(query.masks)
        if len(rows) <= query.count:
            return [BoundedRows(rows, np.zeros(len(rows)))]
        values = [
            products(part.take(local[block]), probe)
            for part, _, local in self._split(rows)
            for block in _blocks(len(local), rows_at_once(self.dim))
        ]
        return [BoundedRows(rows, np.concatenate(values).astype(np.float64) + rounding(self.dim))]

    def _by_product(self, probe: NDArray[np.float32], query: _Query) -> list[BoundedRows]:
        return [
            _product(probe, part, start, mask)
            for (part, start, _), mask in zip(self._places(), query.masks, strict=True)
        ]

    def _by_faiss(self, probe: NDArray[np.float32], query: _Query) -> list[BoundedRows]:
        """By FAISS's products of the codes: for processors without exact products of integers."""
        coded = code_probes(probe[None])
        searches: list[Callable[[], BoundedRows]] = []
        for (part, start, _), mask in zip(self._places(), query.masks, strict=True):
            if mask is not None and not mask.any():
                continue
            if isinstance(part, Segment):
                searches.append(partial(_coded, coded, part, start, mask, query.count))
            else:
                searches.append(partial(_product, probe, part, start, mask))
        return list(pool().map(lambda search: search(), searches))

    def _by_gpu(self, query: _Query) -> list[Candidates] | None:
        """None where no GPU has the rows, or it fails: the processor is still there."""
        rows = self._half_rows()
        if rows is None or self.accelerator is None:
            return None
        eligible = None
        of_segments = query.masks[: len(self.segments)]
        if any(mask is not None for mask in of_segments):
            eligible = np.concatenate(
                [
                    np.ones(len(part), dtype=bool) if mask is None else mask
                    for part, mask in zip(self.segments, of_segments, strict=True)
                ]
            )
        candidates = []
        for probe in query.probes:
            try:
                found = [BoundedRows(*rows.search(probe, query.count, eligible))]
            except RuntimeError as error:  # torch has this for a GPU that is full or gone
                self.accelerator.lost(rows, error)
                return None
            if len(self.parts) > len(self.segments):
                found.append(_product(probe, self.parts[-1], self.offsets[-2], query.masks[-1]))
            candidates.append(self._exactly(probe, found, query.count))
        return candidates


def _product(
    probe: NDArray[np.float32], part: SearchRows, start: int, mask: Mask | None
) -> BoundedRows:
    """All eligible rows of a part, by a product in float32."""
    values = products(part.vectors, probe)
    local = np.arange(len(part)) if mask is None else np.flatnonzero(mask)
    return BoundedRows(start + local, values[local].astype(np.float64) + rounding(len(probe)))


def _coded(
    probe: CodedProbes, segment: Segment, start: int, mask: Mask | None, count: int
) -> BoundedRows:
    """The nearest eligible rows of a segment by its codes."""
    rows, products = segment.codes.search(probe.whole[0], count, mask)
    error = float(probe.greatest_errors(segment.record.error, segment.record.dim)[0])
    at_most = products / (float(probe.scales[0]) * segment.record.scale) + error
    return BoundedRows(start + rows, at_most, float(at_most[-1]) if len(rows) == count else -np.inf)


def _blocks(count: int, step: int) -> Iterator[slice]:
    for start in range(0, count, step):
        yield slice(start, start + step)
