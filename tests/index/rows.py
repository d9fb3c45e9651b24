"""Rows of segments for the tests, and what NumPy finds among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.search import Candidates
from gestalt_space.index.segment import MemorySegment, SegmentRecord
from gestalt_space.index.writing import write_segment
from tests import made

SPACE = "ab" * 32


def memory(rng: np.random.Generator, count: int, dim: int, first: int = 0) -> MemorySegment:
    """Rows with ids from `first`, a third of them of unknown age and site."""
    known = rng.random(count) > 1 / 3
    return MemorySegment(
        ids=np.arange(first, first + count),
        patients=rng.integers(0, max(1, count // 2), count),
        ages=np.where(known, rng.uniform(0, 80, count), np.nan),
        sites=np.where(known, rng.integers(-(2**63), 2**63, count), 0),
        vectors=made.unit(rng, count, dim),
    )


def written(folder: Path, rows: MemorySegment) -> SegmentRecord:
    """The rows as a segment on the disk."""
    return write_segment(
        folder, SPACE, rows.ids, rows.patients, rows.ages, rows.sites, rows.vectors
    )


@dataclass(frozen=True)
class Oracle:
    """All rows, in double precision."""

    vectors: NDArray[np.float32]
    eligible: NDArray[np.bool_]

    def similarities(self, probe: NDArray[np.float32]) -> NDArray[np.float64]:
        """`(n,)`, -inf where a row is not eligible."""
        products = (self.vectors.astype(np.float64) * probe).sum(axis=1)
        return np.where(self.eligible, products, -np.inf)


def vectors_of(rng: np.random.Generator, count: int, dim: int, kind: str) -> NDArray[np.float32]:
    """Unit rows: spread evenly, near one another, with one component near 1, or often the same."""
    rows = made.unit(rng, count, dim)
    if kind == "clustered":
        rows = rows[:1] + 0.2 * rows
    elif kind == "spiky":
        rows = 0.05 * rows
        rows[np.arange(count), rng.integers(0, dim, count)] += 1
    elif kind == "same":
        rows = rows[rng.integers(0, max(1, count // 8), count)]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32)


def check(found: Candidates, oracle: Oracle, probe: NDArray[np.float32], count: int) -> None:
    """Candidates are real, eligible, exact, and the bound holds for all others."""
    true = oracle.similarities(probe)
    eligible = np.flatnonzero(oracle.eligible)
    assert len(np.unique(found.rows)) == len(found.rows) == min(count, len(eligible))
    assert oracle.eligible[found.rows].all()
    if found.tolerance:
        assert np.abs(found.similarities - true[found.rows]).max(initial=0) <= found.tolerance
    else:
        assert np.array_equal(found.similarities, true[found.rows])
    others = np.setdiff1d(eligible, found.rows)
    assert (true[others] <= found.bound).all()
    assert len(others) or found.bound == -np.inf
