"""When rows come to a GPU, how they keep in step, and what happens when it fails. The processor
stands for the GPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.devices import Device
from gestalt_space.errors import DeviceUnavailable
from gestalt_space.index import accelerator, gpu, search
from gestalt_space.index.accelerator import AFTER, Accelerator
from gestalt_space.index.changing import scrub
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import Segment, open_segment
from tests import made
from tests.index.rows import Oracle, check, memory, written

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerator, "PLACE", "cpu")
    monkeypatch.setattr(accelerator, "gpu_works", lambda: None)
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 0)
    monkeypatch.setattr(search, "FEW_ROWS", 0.0)


@pytest.fixture
def segments(tmp_path: Path, rng: np.random.Generator) -> list[Segment]:
    return [
        open_segment(tmp_path, written(tmp_path, memory(rng, n, 20, first)))
        for first, n in ((0, 30), (30, 40))
    ]


@pytest.fixture
def opened() -> Iterator[Callable[..., Accelerator]]:
    all_of_them: list[Accelerator] = []

    def one(device: Device = "auto") -> Accelerator:
        all_of_them.append(Accelerator(device))
        return all_of_them[-1]

    yield one
    for held in all_of_them:
        held.close()


Open = Callable[..., Accelerator]


def warm(held: Accelerator, segments: list[Segment]) -> None:
    """Ask as often as it takes, and wait for the thread."""
    for _ in range(AFTER):
        held.rows(segments)
    settle(held)


def settle(held: Accelerator) -> None:
    if (thread := held._thread) is not None:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_rows_come_to_the_gpu_after_a_few_searches(opened: Open, segments: list[Segment]):
    held = opened()
    held.follow(segments)
    for _ in range(AFTER - 1):
        assert held.rows(segments) is None
    assert held._thread is None
    assert held.searched_on(segments) == "processor"
    held.rows(segments)
    settle(held)
    rows = held.rows(segments)
    assert rows is not None
    assert len(rows.rows) == 70
    assert held.searched_on(segments) == "cpu"


def test_a_search_does_not_wait_for_it(
    opened: Open, segments: list[Segment], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(accelerator, "gpu_works", slow)
    held = opened()
    held.follow(segments)
    searcher = Searcher(20, segments, accelerator=held)
    probe = made.unit(rng, 1, 20)[0]
    found = [searcher.candidates(probe, 7) for _ in range(AFTER + 3)]
    assert begun.wait(30)
    assert searcher.searched_on == "processor"
    go_on.set()
    settle(held)
    assert searcher.searched_on == "cpu"
    later = searcher.candidates(probe, 7)
    for one in found:
        assert set(one.rows) == set(later.rows)


def test_a_small_gallery_stays_with_the_processor(
    opened: Open, segments: list[Segment], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 10_000)
    held = opened()
    held.follow(segments)
    searcher = Searcher(20, segments, accelerator=held)
    for _ in range(AFTER + 5):
        searcher.candidates(made.unit(rng, 1, 20)[0], 7)
    assert held._thread is None
    assert searcher.searched_on == "processor"


def test_added_and_removed_rows_keep_in_step(
    tmp_path: Path, opened: Open, segments: list[Segment], rng: np.random.Generator
):
    held = opened()
    held.follow(segments[:1])
    warm(held, segments[:1])
    held.follow(segments)
    settle(held)
    assert held.rows(segments) is not None
    old = Searcher(20, segments, accelerator=held)
    record = scrub(tmp_path, segments[0].record, np.array([4, 5]))
    now = [open_segment(tmp_path, record), segments[1]]
    new = Searcher(20, now, accelerator=held)
    # Not yet followed: the processor searches the rows as they are now.
    assert new.searched_on == "processor"
    held.follow(now)
    settle(held)
    assert (old.searched_on, new.searched_on) == ("processor", "cpu")
    rows = held.rows(now)
    assert rows is not None
    assert not rows.rows[4:6].any()
    kept = np.ones(70, dtype=bool)
    kept[4:6] = False
    vectors = np.concatenate([segment.vectors for segment in now])
    for probe in made.unit(rng, 5, 20):
        check(new.candidates(probe, 9), Oracle(vectors, kept), probe, 9)


def test_what_is_newer_while_it_loads_is_loaded_too(
    opened: Open, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    held = opened()
    held.follow(segments[:1])
    real = accelerator.to_gpu

    def meanwhile(wanted, *others):
        if len(wanted) == 1:
            held.follow(segments)
        return real(wanted, *others)

    monkeypatch.setattr(accelerator, "to_gpu", meanwhile)
    warm(held, segments[:1])
    assert held.searched_on(segments) == "cpu"


def test_an_older_state_does_not_take_the_gpu_back(opened: Open, segments: list[Segment]):
    held = opened()
    held.follow(segments)
    warm(held, segments)
    for _ in range(AFTER + 1):
        assert held.rows(segments[:1]) is None
    settle(held)
    assert held.rows(segments) is not None


@pytest.mark.parametrize(
    "error",
    [
        DeviceUnavailable("The gallery does not fit"),
        RuntimeError("CUDA error"),
        ImportError("libcudart.so"),
    ],
)
def test_whatever_fails_while_loading_leaves_the_processor(
    error: Exception,
    opened: Open,
    segments: list[Segment],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
):
    tried = []

    def fails(*_: object) -> None:
        tried.append(1)
        raise error

    monkeypatch.setattr(accelerator, "to_gpu", fails)
    held = opened()
    held.follow(segments)
    warm(held, segments)
    warm(held, segments)
    assert tried == [1]
    searcher = Searcher(20, segments, accelerator=held)
    vectors = np.concatenate([segment.vectors for segment in segments])
    probe = made.unit(rng, 1, 20)[0]
    check(searcher.candidates(probe, 7), Oracle(vectors, np.ones(70, dtype=bool)), probe, 7)
    assert searcher.searched_on == "processor"


def test_without_room_for_two_copies_there_is_one(
    opened: Open, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    held = opened()
    held.follow(segments[:1])
    warm(held, segments[:1])
    real, given = accelerator.to_gpu, []

    def one_at_a_time(wanted, before, *others):
        given.append(before is None)
        if before is not None:
            raise DeviceUnavailable("CUDA out of memory")
        return real(wanted, before, *others)

    monkeypatch.setattr(accelerator, "to_gpu", one_at_a_time)
    held.follow(segments)
    settle(held)
    assert given == [False, True]
    assert held.rows(segments) is not None


def test_a_gpu_that_fails_its_self_test_is_tried_once(
    opened: Open, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    tried = []
    monkeypatch.setattr(accelerator, "gpu_works", lambda: tried.append(1) or "no kernel image")
    held = opened()
    held.follow(segments)
    warm(held, segments)
    warm(held, segments)
    assert tried == [1]
    assert held.rows(segments) is None


def test_closing_gives_the_memory_back_and_ends_a_loading(
    opened: Open, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    begun, closed, freed = threading.Event(), threading.Event(), []
    real = gpu.halves

    def slow(*given):
        begun.set()
        assert closed.wait(30)
        return real(*given)

    monkeypatch.setattr(gpu, "halves", slow)
    monkeypatch.setattr(accelerator, "free_memory", lambda: freed.append(1))
    held = opened()
    held.follow(segments)
    for _ in range(AFTER):
        held.rows(segments)
    thread, stop = held._thread, held._stop
    assert thread is not None
    assert begun.wait(30)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(held.close)
        assert stop.wait(30)
        closed.set()
        closing.result(timeout=30)
    assert not thread.is_alive()
    assert held._held is None
    assert freed == [1]
    monkeypatch.setattr(gpu, "halves", real)
    warm(held, segments)
    assert held.rows(segments) is not None


def test_closing_does_not_wait_for_a_self_test(
    opened: Open, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(30)

    monkeypatch.setattr(accelerator, "gpu_works", slow)
    held = opened()
    held.follow(segments)
    for _ in range(AFTER):
        held.rows(segments)
    thread = held._thread
    assert thread is not None
    assert begun.wait(30)
    held.close()
    assert thread.is_alive()
    go_on.set()
    thread.join(30)
    assert held._held is None


def test_threads_have_the_answers_of_one_while_rows_come_and_go(
    tmp_path: Path, opened: Open, segments: list[Segment], rng: np.random.Generator
):
    """Segments change while eight threads search; every answer is that of its own segments."""
    held = opened()
    states = [
        Searcher(20, segments[:1], accelerator=held),
        Searcher(20, segments, accelerator=held),
    ]
    oracles = [
        Oracle(np.concatenate([s.vectors for s in one.segments]), np.ones(len(one), dtype=bool))
        for one in states
    ]
    probes = made.unit(rng, 40, 20)

    def ask(number: int) -> None:
        if number % 10 == 0:
            held.follow(states[number // 10 % 2].segments)
        which = number % 2
        probe = probes[number % 40]
        check(states[which].candidates(probe, 5), oracles[which], probe, 5)

    held.follow(segments)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(400)))
    settle(held)


def test_a_gpu_asked_for_by_name_is_there_at_once(
    opened: Open, segments: list[Segment], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "PLAIN_NUMBERS", 10_000)
    held = opened("cuda")
    held.follow(segments)
    searcher = Searcher(20, segments, accelerator=held)
    searcher.require_device()
    assert searcher.searched_on == "cpu"
    assert held._thread is None


def test_a_gpu_asked_for_by_name_that_does_not_work_is_an_error(
    opened: Open, segments: list[Segment], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
):
    held = opened("cuda")
    held.follow(segments)
    searcher = Searcher(20, segments, accelerator=held)
    searcher.require_device()

    def lost(*_: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nmore")

    with monkeypatch.context() as patch:
        patch.setattr(gpu, "_product", lost)
        with pytest.raises(DeviceUnavailable, match="unspecified launch failure"):
            searcher.candidates(made.unit(rng, 1, 20)[0], 7)
    monkeypatch.setattr(accelerator, "gpu_works", lambda: "there is no NVIDIA driver")
    with pytest.raises(DeviceUnavailable, match="no NVIDIA driver"):
        searcher.require_device()


def test_none_is_asked_for_where_the_processor_was_chosen(opened: Open, segments: list[Segment]):
    held = opened("cpu")
    held.follow(segments)
    warm(held, segments)
    assert held._thread is None
    held.require(segments)
    assert held.searched_on(segments) == "processor"
