from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gestalt_space.index import search
from gestalt_space.index.changing import scrub
from gestalt_space.index.search import Candidates, Searcher
from gestalt_space.index.segment import MemorySegment, open_segment
from tests import made
from tests.index.rows import Oracle, memory, written


def vectors(rng: np.random.Generator, count: int, dim: int, kind: str) -> NDArray[np.float32]:
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


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 60), min_size=0, max_size=4),
    tail=st.none() | st.integers(0, 20),
    dim=st.integers(1, 600) | st.sampled_from([16, 32, 64, 128, 256, 512]),
    kind=st.sampled_from(["even", "clustered", "spiky", "same"]),
    count=st.integers(1, 300) | st.integers(1, 12),
    share=st.none() | st.floats(0, 1),
    removed=st.booleans(),
    plain=st.booleans(),
)
def test_no_row_outside_the_candidates_lies_above_the_bound(
    seed: int,
    sizes: list[int],
    tail: int | None,
    dim: int,
    kind: str,
    count: int,
    share: float | None,
    removed: bool,
    plain: bool,
):
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "PLAIN_NUMBERS", 10**9 if plain else 0)
        patch.setattr(search, "FEW_ROWS", 0.0)
        segments, kept = [], []
        for size in sizes:
            rows = memory(rng, size, dim)
            rows = MemorySegment(
                rows.ids, rows.patients, rows.ages, rows.sites, vectors(rng, size, dim, kind)
            )
            record = written(Path(folder), rows)
            gone = np.flatnonzero(rng.random(size) < 0.3) if removed else np.zeros(0, np.int64)
            segments.append(open_segment(Path(folder), scrub(Path(folder), record, gone)))
            kept.append(~np.isin(np.arange(size), gone))
        rest = None if tail is None else memory(rng, tail, dim)
        kept.append(np.ones(tail or 0, dtype=bool))
        searcher = Searcher(dim, segments, rest)
        everything = np.concatenate(
            [np.zeros((0, dim), np.float32), *(p.vectors for p in searcher.parts)]
        )
        among = None if share is None else rng.random(len(searcher)) < share
        eligible = np.concatenate(kept) if among is None else np.concatenate(kept) & among
        oracle = Oracle(everything, eligible)
        probes = vectors(rng, 6, dim, kind)
        if len(everything[eligible]):
            probes[0] = everything[eligible][0]
        for probe in probes[:2]:
            check(searcher.candidates(probe, count, among=among), oracle, probe, count)
        many = searcher.candidates_of(probes, count, among=among)
        for probe, found in zip(probes, many, strict=True):
            check(found, oracle, probe, count)
        assert (
            np.abs(
                searcher.similarities(probes)[:, eligible] - probes @ everything[eligible].T
            ).max(initial=0)
            <= 1e-5
        )
