from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.errors import DescriptorError, IndexDamaged
from gestalt_space.index import coded, search
from gestalt_space.index.changing import scrub
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import MemorySegment, open_segment
from tests import made
from tests.index.rows import Oracle, check, memory, vectors_of, written

PATHS = ("integers", "faiss", "plain")


def take(path: str, patch: pytest.MonkeyPatch) -> None:
    """Search by the plain product, by codes as this processor can, or by FAISS as where it has no
    exact products of integers."""
    patch.setattr(search, "PLAIN_NUMBERS", 10**9 if path == "plain" else 0)
    if path == "faiss":
        patch.setattr(search, "integer_product", lambda _: None)


@pytest.fixture(params=PATHS)
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    take(request.param, monkeypatch)


@pytest.fixture
def searcher(tmp_path: Path, rng: np.random.Generator) -> Searcher:
    """Two segments and a tail, 130 rows of 64 numbers; row 3 is removed."""
    first = scrub(tmp_path, written(tmp_path, memory(rng, 70, 64)), np.array([3]))
    second = written(tmp_path, memory(rng, 50, 64, 70))
    segments = [open_segment(tmp_path, record) for record in (first, second)]
    return Searcher(64, segments, memory(rng, 10, 64, 120))


def oracle_of(searcher: Searcher, among: np.ndarray | None = None) -> Oracle:
    vectors = np.concatenate([part.vectors for part in searcher.parts])
    kept = searcher.column("patients") != -1
    return Oracle(vectors, kept if among is None else kept & among)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 60), min_size=0, max_size=4),
    tail=st.none() | st.integers(0, 20),
    dim=st.integers(1, 600) | st.sampled_from([16, 32, 64, 128, 256, 512]),
    kind=st.sampled_from(["even", "clustered", "spiky", "same"]),
    count=st.integers(1, 300) | st.integers(1, 12),
    share=st.none() | st.floats(0, 1),
    removed=st.booleans(),
    path=st.sampled_from(PATHS),
    numbers=st.sampled_from([8, 200, 2**21]),
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
    path: str,
    numbers: int,
):
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        take(path, patch)
        patch.setattr(coded, "_NUMBERS", numbers)
        patch.setattr(coded, "_FEWEST", 1)
        patch.setattr(search, "FEW_ROWS", 0.0)
        patch.setattr(search, "FEW_PROBES", 3)
        patch.setattr(os, "fsync", lambda _: None)
        segments, kept = [], []
        for size in sizes:
            rows = memory(rng, size, dim)
            rows = MemorySegment(
                rows.ids, rows.patients, rows.ages, rows.sites, vectors_of(rng, size, dim, kind)
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
        probes = vectors_of(rng, 6, dim, kind)
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


def test_columns_and_vectors_of_rows_come_in_the_order_asked_for(searcher: Searcher):
    rows = np.array([129, 3, 70, 69, 0, 70])
    vectors = np.concatenate([part.vectors for part in searcher.parts])
    assert len(searcher) == 130
    assert np.array_equal(searcher.vectors(rows), vectors[rows])
    for name in ("ids", "patients", "ages", "sites"):
        column = searcher.column(name)
        assert column.shape == (130,)
        assert np.array_equal(searcher.of_rows(name, rows), column[rows], equal_nan=True)
    assert searcher.column("ids").tolist() == [*range(3), -1, *range(4, 130)]
    assert searcher.column("ages").dtype == np.float64


@pytest.mark.usefixtures("_path")
def test_few_eligible_rows_are_gathered(
    searcher: Searcher, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "FEW_ROWS", 0.5)
    monkeypatch.setattr(Searcher, "_by_integers", None)
    monkeypatch.setattr(Searcher, "_by_faiss", None)
    monkeypatch.setattr(Searcher, "_by_product", None)
    among = rng.random(130) < 0.3
    probe = made.unit(rng, 1, 64)[0]
    check(searcher.candidates(probe, 5, among=among), oracle_of(searcher, among), probe, 5)


@pytest.mark.usefixtures("_path")
def test_all_that_are_eligible_come_where_more_are_asked_for(
    searcher: Searcher, rng: np.random.Generator
):
    probe = made.unit(rng, 1, 64)[0]
    found = searcher.candidates(probe, 5000)
    assert sorted(found.rows) == [*range(3), *range(4, 130)]
    assert (found.bound, found.tolerance) == (-np.inf, 0)


@pytest.mark.usefixtures("_path")
def test_nobody_eligible_gives_nobody(searcher: Searcher, rng: np.random.Generator):
    nobody = np.zeros(130, dtype=bool)
    for found in searcher.candidates_of(made.unit(rng, 60, 64), 5, nobody):
        assert (len(found.rows), len(found.similarities), found.bound) == (0, 0, -np.inf)


@pytest.mark.usefixtures("_path")
def test_many_probes_give_what_each_gives(
    searcher: Searcher, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "_MOST_PROBES", 50)
    probes = made.unit(rng, 120, 64)
    for among in (None, rng.random(130) < 0.5):
        for probe, found in zip(probes, searcher.candidates_of(probes, 9, among), strict=True):
            assert found.tolerance > 0
            check(found, oracle_of(searcher, among), probe, 9)


@pytest.mark.usefixtures("_path")
def test_rows_that_are_similar_enough_are_found(searcher: Searcher, rng: np.random.Generator):
    probes = np.concatenate([searcher.vectors(np.array([9, 90])), made.unit(rng, 20, 64)])
    for probe, found in zip(probes, searcher.candidates_of(probes, 130, least=0.3), strict=True):
        exact = searcher.exact(probe, np.arange(130))
        exact[3] = -1
        assert set(np.flatnonzero(exact >= 0.3)) <= set(found.rows)
        missing = np.setdiff1d(np.arange(130), found.rows)
        assert exact[missing].max(initial=-1) <= max(found.bound, -1)


def test_many_threads_find_the_same(
    searcher: Searcher, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    probes = made.unit(rng, 64, 64)
    alone = [searcher.candidates(probe, 9) for probe in probes]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda probe: searcher.candidates(probe, 9), probes))
    for one, other in zip(alone, together, strict=True):
        assert set(one.rows) == set(other.rows)
        assert one.bound == pytest.approx(other.bound, abs=1e-6)


def test_what_several_threads_look_for_is_found_by_one_way_through_the_rows(
    searcher: Searcher, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    take("integers", monkeypatch)
    if search.integer_product(64) is None:
        pytest.skip("ONNX Runtime's products of integers are not exact on this processor")
    probes = made.unit(rng, 12, 64)
    calls: list[int] = []
    begun, go_on = threading.Event(), threading.Event()
    whole = search.nearest_by_codes

    def held(asked: np.ndarray, *more: object, **most: object) -> object:
        calls.append(len(asked))
        begun.set()
        assert go_on.wait(10)
        return whole(asked, *more, **most)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "nearest_by_codes", held)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(searcher.candidates_of, probes[:1], 9)
        assert begun.wait(10)
        counts = (9, 30, 9)
        others = [
            pool.submit(searcher.candidates_of, probes[1 + n : 3 + n], count)
            for n, count in enumerate(counts)
        ]
        while searcher._together.waiting < len(counts):
            threading.Event().wait(0.001)
        go_on.set()
    # Those who ask for as much go together: for as much, and no more, has each of them room.
    assert sorted(calls) == [1, 2, 4]
    check(first.result()[0], oracle_of(searcher), probes[0], 9)
    for n, count in enumerate(counts):
        for probe, found in zip(probes[1 + n : 3 + n], others[n].result(), strict=True):
            check(found, oracle_of(searcher), probe, count)


def test_faiss_is_left_as_it_was(
    searcher: Searcher, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    before = faiss.omp_get_max_threads(), faiss.cvar.distance_compute_blas_threshold
    probes = made.unit(rng, 60, 64)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: searcher.candidates_of(probes, 3), range(8)))
    searcher.candidates(probes[0], 3)
    assert (faiss.omp_get_max_threads(), faiss.cvar.distance_compute_blas_threshold) == before


def test_codes_are_read_ahead_where_they_are_searched(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
):
    searcher.segments[0].codes.path.unlink()
    searcher.prefetch()
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    with pytest.raises(IndexDamaged):
        searcher.prefetch()


@pytest.mark.parametrize("value", [0.0, np.nan, 0.5])
def test_a_probe_that_is_none_is_refused(value: float, searcher: Searcher):
    probe = np.full(64, value, dtype=np.float32)
    for ask in (lambda: searcher.candidates(probe, 3), lambda: searcher.similarities(probe[None])):
        with pytest.raises(DescriptorError):
            ask()


def test_rows_whose_products_are_beyond_float32s_whole_numbers_keep_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    dim, rng = 6144, np.random.default_rng(1)
    rows = memory(rng, 40, dim)
    alike = np.full((40, dim), 1 / np.sqrt(dim), np.float32) + np.float32(1e-4) * rows.vectors
    alike /= np.linalg.norm(alike, axis=1, keepdims=True)
    rows = MemorySegment(rows.ids, rows.patients, rows.ages, rows.sites, alike)
    searcher = Searcher(dim, [open_segment(tmp_path, written(tmp_path, rows))])
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    check(searcher.candidates(alike[3], 5), oracle_of(searcher), alike[3], 5)
