"""Rows of segments for the tests, and what NumPy finds among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.segment import MemorySegment, Segment, SegmentRecord, open_segment
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


def segment(
    folder: Path, rng: np.random.Generator, count: int, dim: int, first: int = 0
) -> Segment:
    """A segment with rows of `memory`, opened."""
    return open_segment(folder, written(folder, memory(rng, count, dim, first)))


@dataclass(frozen=True)
class Oracle:
    """All rows, in double precision."""

    vectors: NDArray[np.float32]
    eligible: NDArray[np.bool_]

    def similarities(self, probe: NDArray[np.float32]) -> NDArray[np.float64]:
        """`(n,)`, -inf where a row is not eligible."""
        products = (self.vectors.astype(np.float64) * probe).sum(axis=1)
        return np.where(self.eligible, products, -np.inf)
