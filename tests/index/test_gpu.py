from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_space.errors import DeviceUnavailable
from gestalt_space.index import gpu, search
from gestalt_space.index.accelerator import Accelerator
from gestalt_space.index.changing import scrub
from gestalt_space.index.gpu import HalfRows, Piece, gpu_works, halves, to_gpu
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import Segment, open_segment
from tests import made
from tests.index.rows import Oracle, check, memory, vectors_of, written

torch = pytest.importorskip("torch")


@pytest.fixture
def segments(tmp_path: Path, rng: np.random.Generator) -> list[Segment]:
    return [open_segment(tmp_path, written(tmp_path, memory(rng, n, 20))) for n in (30, 1, 40)]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 80),
    rows=st.integers(1, 60),
    dim=st.integers(1, 600),
    kind=st.sampled_from(["even", "clustered", "spiky", "same"]),
    share=st.none() | st.floats(0.05, 1),
)
def test_no_row_outside_what_was_found_lies_above_the_bound(
    seed: int, count: int, rows: int, dim: int, kind: str, share: float | None
):
    rng = np.random.default_rng(seed)
    vectors = vectors_of(rng, rows, dim, kind)
    half, error = halves(vectors, torch.device("cpu"))
    eligible = None if share is None else rng.random(rows) < share
    held = HalfRows(half, (Piece(None, rows, error),))
    probe = vectors_of(rng, 1, dim, kind)[0]
    places, at_most, others = held.search(probe, count, eligible)
    everybody = np.ones(rows, dtype=bool) if eligible is None else eligible
    true = Oracle(vectors, everybody).similarities(probe)
    assert len(np.unique(places)) == len(places) == min(count, everybody.sum())
    assert (true[places] <= at_most).all()
    assert (at_most - true[places] <= 3e-3).all()
    left = np.setdiff1d(np.flatnonzero(everybody), places)
    assert (true[left] <= others).all()
    assert len(left) or others == -np.inf


def test_the_error_is_that_of_the_worst_row(rng: np.random.Generator):
    vectors = made.unit(rng, 30, 100)
    _, error = halves(vectors, torch.device("cpu"))
    lost = vectors.astype(np.float64) - vectors.astype(np.float16).astype(np.float64)
    assert error == pytest.approx(np.linalg.norm(lost, axis=1).max(), rel=1e-9)
    assert 1e-5 < error < 2**-11


def test_a_probe_as_two_halves_is_nearly_itself(rng: np.random.Generator):
    probe = made.unit(rng, 1, 512)[0]
    pair, left = gpu._as_pair(probe)
    assert pair.dtype == np.float16
    assert np.abs(pair.astype(np.float64).sum(axis=1) - probe).max() < 1e-6
    assert left < 1e-5


def holding(segments: list[Segment]) -> Accelerator:
    """An accelerator that has the rows already; the processor stands for the GPU."""
    accelerator = Accelerator()
    accelerator._held = to_gpu(segments, device="cpu")
    return accelerator


@pytest.mark.parametrize("share", [None, 0.5, 0.0])
def test_a_searcher_finds_by_the_gpu_what_numpy_finds(
    share: float | None,
    segments: list[Segment],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    monkeypatch.setattr(search, "FEW_ROWS", 0.0)
    searcher = Searcher(20, segments, memory(rng, 9, 20), holding(segments))
    assert searcher.searched_on == "cpu"
    among = None if share is None else rng.random(80) < share
    vectors = np.concatenate([part.vectors for part in searcher.parts])
    oracle = Oracle(vectors, np.ones(80, dtype=bool) if among is None else among)
    probes = made.unit(rng, 60, 20)
    for probe, found in zip(probes, searcher.candidates_of(probes, 7, among), strict=True):
        check(found, oracle, probe, 7)
        assert found.tolerance == 0 or not len(found.rows)


def test_a_gpu_that_is_lost_leaves_the_search_to_the_processor(
    segments: list[Segment], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    def lost(*_: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    searcher = Searcher(20, segments, accelerator=holding(segments))
    monkeypatch.setattr(gpu, "_product", lost)
    probe = made.unit(rng, 1, 20)[0]
    vectors = np.concatenate([part.vectors for part in searcher.parts])
    check(searcher.candidates(probe, 7), Oracle(vectors, np.ones(71, dtype=bool)), probe, 7)
    assert searcher.searched_on == "processor"


def test_rows_keep_in_step_with_the_segments(
    tmp_path: Path, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    held = to_gpu(segments[:2], device="cpu")
    assert held.holds(segments[:2])
    assert not held.holds(segments)
    sent = []
    real = gpu.halves
    monkeypatch.setattr(gpu, "halves", lambda v, d: sent.append(len(v)) or real(v, d))
    added = to_gpu(segments, held, device="cpu")
    assert sent == [40]
    record = scrub(tmp_path, segments[0].record, np.array([4]))
    now = [open_segment(tmp_path, record), *segments[1:]]
    assert not added.holds(now)
    after = to_gpu(now, added, device="cpu")
    assert sent == [40, 30]
    assert not after.rows[4].any()
    everything = np.concatenate([segment.vectors for segment in now])
    assert np.array_equal(after.rows.numpy(), everything.astype(np.float16))


def test_nothing_may_be_held(segments: list[Segment]):
    assert to_gpu([], device="cpu").holds([])


def test_a_gpu_without_room_is_unavailable(
    segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr(torch, "empty", full)
    with pytest.raises(DeviceUnavailable, match="CUDA out of memory"):
        to_gpu(segments, device="cpu")


def test_without_a_driver_no_gpu_works(monkeypatch: pytest.MonkeyPatch):
    gpu_works.cache_clear()
    monkeypatch.setattr(gpu, "gpu_driver", lambda: False)
    assert "driver" in str(gpu_works())
    gpu_works.cache_clear()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise RuntimeError('no kernel image')", "the self-test failed: RuntimeError: no kernel"),
        ("import os, signal; os.kill(os.getpid(), 6)", "it ended with -6"),
        ("import time; time.sleep(60)", "did not finish"),
    ],
)
def test_why_a_gpu_does_not_work_is_found_in_another_process(
    program: str, reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(gpu, "SELF_TEST_SECONDS", 3)
    monkeypatch.setattr(gpu, "gpu_driver", lambda: True)
    monkeypatch.setattr(gpu, "_SELF_TEST", program)
    gpu_works.cache_clear()
    assert reason in str(gpu_works())
    gpu_works.cache_clear()


def test_the_self_test_itself_passes_where_the_arithmetic_is_right():
    program = gpu._SELF_TEST.replace('"cuda"', '"cpu"')
    assert program != gpu._SELF_TEST
    exec(compile(program, "self-test", "exec"), {})
    less = "def less(*a):\n    p, m, others = there.search(*a)\n    return p, m, others - 0.2\n"
    wrong = program.replace("there.search(", "less(").replace("for probe", f"{less}for probe", 1)
    with pytest.raises(AssertionError, match="a row was missed"):
        exec(compile(wrong, "self-test", "exec"), {})
