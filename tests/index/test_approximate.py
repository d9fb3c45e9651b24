"""What an approximate index finds, and what is known of what it misses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import ApproximateDamaged, UsageError
from gestalt_space.index import approximating
from gestalt_space.index.approximate import Approximate, ApproximateKind, ApproximateSearcher
from gestalt_space.index.approximating import ApproximateOptions, Built, build, parse_kind
from gestalt_space.index.changing import scrub, wipe
from gestalt_space.index.exact import exact_similarities
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import MemorySegment, Segment, open_segment
from gestalt_space.index.writing import merge_segments
from tests import made
from tests.index.rows import SPACE, memory, written

DIM = 16
EVERYTHING = {
    "ivf": ApproximateOptions("ivf", lists=8, probes=8),
    "hnsw": ApproximateOptions("hnsw", breadth=1000),
}
KINDS: tuple[ApproximateKind, ...] = ("ivf", "hnsw")


@pytest.fixture
def rows(rng: np.random.Generator) -> list[MemorySegment]:
    return [memory(rng, count, DIM, first) for first, count in ((0, 500), (500, 300))]


@pytest.fixture
def segments(tmp_path: Path, rows: list[MemorySegment]) -> list[Segment]:
    return [open_segment(tmp_path, written(tmp_path, one)) for one in rows]


def opened(folder: Path, built: Built, searcher: Searcher) -> ApproximateSearcher:
    return ApproximateSearcher(
        Approximate(folder, built.write(folder, SPACE), searcher.dim), searcher
    )


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_is_looked_at_is_found_with_exact_similarities(
    kind: ApproximateKind, tmp_path: Path, segments: list[Segment], rng: np.random.Generator
):
    searcher = Searcher(DIM, segments)
    found = opened(tmp_path, build(searcher, EVERYTHING[kind]), searcher)
    vectors = np.concatenate([segment.vectors for segment in segments])
    for probe in made.unit(rng, 10, DIM):
        candidates = found.candidates(probe, 60)
        true = exact_similarities(probe, vectors)
        assert len(np.unique(candidates.rows)) == len(candidates.rows) == 60
        assert np.array_equal(candidates.similarities, true[candidates.rows])
        nearest = np.argsort(-true)[:20]
        assert np.isin(nearest, candidates.rows).mean() > 0.9
        assert candidates.bound == -np.inf
    assert found.later == 0
    assert found.record.recall > 0.97


@pytest.mark.parametrize("kind", KINDS)
def test_the_recall_is_the_share_that_is_found(
    kind: ApproximateKind, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    """Measured again by hand: with photos that it does not have, and without their patients."""
    monkeypatch.setattr(approximating, "CANDIDATES", 15)
    searcher = Searcher(DIM, segments)
    options = {
        "ivf": ApproximateOptions("ivf", lists=12, probes=2),
        "hnsw": ApproximateOptions("hnsw", links=2, breadth=1),
    }[kind]
    asked: list[tuple[np.ndarray, np.ndarray]] = []
    real = approximating.search_index

    def noted(index, kind, options, probe, count):
        found = real(index, kind, options, probe, count)
        asked.append((probe, found))
        return found

    monkeypatch.setattr(approximating, "search_index", noted)
    built = build(searcher, options, seed=4)
    vectors = np.concatenate([segment.vectors for segment in segments]).astype(np.float64)
    patients = searcher.column("patients")
    held = [int(np.argmax(vectors @ probe)) for probe, _ in asked]
    assert len(set(held)) == built.measured == 80
    shares = []
    for (probe, found), row in zip(asked, held, strict=True):
        assert not np.isin(found, held).any()
        true = vectors @ probe
        true[held] = -2
        true[patients == patients[row]] = -2
        shares.append(np.isin(np.argsort(-true)[:10], found).mean())
    assert built.recall == pytest.approx(np.mean(shares))
    assert 0.05 < built.recall < 0.95
    assert build(searcher, options, seed=4).recall == pytest.approx(built.recall, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_came_later_are_searched_exactly(
    kind: ApproximateKind, tmp_path: Path, rows: list[MemorySegment], rng: np.random.Generator
):
    first = [open_segment(tmp_path, written(tmp_path, rows[0]))]
    options = ApproximateOptions(kind, lists=20, probes=1, breadth=1)
    record = build(Searcher(DIM, first), options).write(tmp_path, SPACE)
    second = open_segment(tmp_path, written(tmp_path, rows[1]))
    tail = memory(rng, 50, DIM, 800)
    searcher = Searcher(DIM, [*first, second], tail)
    found = ApproximateSearcher(Approximate(tmp_path, record, DIM), searcher)
    assert found.later == 350
    for row in (510, 799, 820):
        probe = searcher.vectors(np.array([row]))[0]
        candidates = found.candidates(probe, 5)
        assert row in candidates.rows
        new = np.flatnonzero(candidates.rows >= 500)
        true = exact_similarities(probe, searcher.vectors(np.arange(500, 850)))
        assert set(candidates.rows[new]) == set(500 + np.argsort(-true)[:5])


def test_merging_segments_leaves_it_as_it_is(
    tmp_path: Path, segments: list[Segment], rng: np.random.Generator
):
    searcher = Searcher(DIM, segments)
    before = opened(tmp_path, build(searcher, EVERYTHING["hnsw"]), searcher)
    record = merge_segments(tmp_path, SPACE, segments)
    assert record is not None
    merged = Searcher(DIM, [open_segment(tmp_path, record)])
    after = ApproximateSearcher(Approximate(tmp_path, before.record, DIM), merged)
    probe = made.unit(rng, 1, DIM)[0]
    assert np.array_equal(before.candidates(probe, 9).rows, after.candidates(probe, 9).rows)


def test_removed_rows_are_none_of_it(tmp_path: Path, segments: list[Segment]):
    record = scrub(tmp_path, segments[0].record, np.arange(100))
    searcher = Searcher(DIM, [open_segment(tmp_path, record), segments[1]])
    found = opened(tmp_path, build(searcher, EVERYTHING["hnsw"]), searcher)
    assert found.record.rows == 700
    rows = found.candidates(segments[0].vectors[200], 700).rows
    assert (rows.min(), len(rows)) == (100, 700)


def test_one_of_other_descriptors_is_not_used(tmp_path: Path, segments: list[Segment]):
    built = build(Searcher(DIM, segments), EVERYTHING["hnsw"])
    record = built.write(tmp_path, SPACE)
    scrubbed = scrub(tmp_path, segments[0].record, np.array([3]))
    searcher = Searcher(DIM, [open_segment(tmp_path, scrubbed), segments[1]])
    found = ApproximateSearcher(Approximate(tmp_path, record, DIM), searcher)
    with pytest.raises(ApproximateDamaged, match="other descriptors"):
        found.candidates(segments[1].vectors[0], 5)


@pytest.mark.parametrize("damage", ["gone", "cut", "zeros", "other"])
def test_a_damaged_file_is_an_error(damage: str, tmp_path: Path, segments: list[Segment]):
    searcher = Searcher(DIM, segments)
    built = build(searcher, EVERYTHING["ivf"])
    record = built.write(tmp_path, SPACE)
    path = tmp_path / record.file.name
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "zeros":
        wipe(tmp_path / record.file.name)
        assert path.read_bytes() == bytes(record.file.bytes)
    dim = DIM + 1 if damage == "other" else DIM
    found = ApproximateSearcher(Approximate(tmp_path, record, dim), searcher)
    with pytest.raises(ApproximateDamaged):
        found.candidates(segments[1].vectors[0], 5)


@pytest.mark.parametrize("kind", KINDS)
def test_who_searches_while_it_is_wiped_comes_to_no_harm(
    kind: ApproximateKind, tmp_path: Path, segments: list[Segment]
):
    """What is found then is thrown away; it must be rows that there are."""
    searcher = Searcher(DIM, segments)
    found = opened(tmp_path, build(searcher, EVERYTHING[kind]), searcher)
    probe = segments[0].vectors[7]
    found.candidates(probe, 20)
    wipe(tmp_path / found.record.file.name)
    candidates = found.candidates(probe, 20)
    assert len(np.unique(candidates.rows)) == len(candidates.rows)
    assert np.isin(candidates.rows, np.arange(800)).all()


def test_what_is_not_there_is_wiped_already(tmp_path: Path, segments: list[Segment]):
    record = build(Searcher(DIM, segments), EVERYTHING["ivf"]).write(tmp_path, SPACE)
    (tmp_path / record.file.name).unlink()
    wipe(tmp_path / record.file.name)
    assert not (tmp_path / record.file.name).exists()


def test_few_rows_are_enough(tmp_path: Path, rng: np.random.Generator):
    segment = open_segment(tmp_path, written(tmp_path, memory(rng, 2, DIM)))
    searcher = Searcher(DIM, [segment])
    for kind in KINDS:
        found = opened(tmp_path, build(searcher, ApproximateOptions(kind)), searcher)
        assert set(found.candidates(segment.vectors[0], 5).rows) == {0, 1}


def test_numbers_fit_the_rows():
    assert ApproximateOptions("ivf").chosen(1_000_000) == {"lists": 4000, "probes": 64}
    assert ApproximateOptions("ivf").chosen(4_000) == {"lists": 100, "probes": 64}
    assert ApproximateOptions("ivf", lists=9, probes=20).chosen(4_000) == {"lists": 9, "probes": 9}
    assert ApproximateOptions("hnsw").chosen(5) == {"links": 32, "breadth": 128}


def test_progress_ends_with_all(segments: list[Segment]):
    shares: list[float] = []
    build(Searcher(DIM, segments), EVERYTHING["ivf"], progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_kind_has_a_name():
    assert parse_kind("hnsw") == "hnsw"
    with pytest.raises(UsageError, match="annoy"):
        parse_kind("annoy")
