"""An encoder for many threads: company changes nothing, nobody waits for it, errors stay apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from gestalt_space.encoders.registry import open_encoder
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.gallery import joining
from gestalt_space.gallery.joining import SharedEncoder
from gestalt_space.types import Crops, EncodingRun, Slots
from gestalt_space.weights.store import ModelStore
from tests import made

SPEC = EncoderSpec("test", ("0" * 64,), "arcface-112", 112, "RGB", 0.0, 1.0, ("one",), 1)


def faces(*levels: int) -> Crops:
    """Faces of one colour each."""
    return np.stack([np.full((112, 112, 3), level, np.uint8) for level in levels])


class Recording:
    """Gives a face's level; remembers its calls, and fails on a face of 13. It may be held."""

    spec = SPEC
    run = EncodingRun("float32", "cpu", "test", "1")

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.at_work = 0
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def encode(self, crops: Crops) -> Slots:
        self.at_work += 1
        assert self.at_work == 1, "two threads at once"
        self.calls.append([int(crop[0, 0, 0]) for crop in crops])
        self.begun.set()
        assert self.go_on.wait(10)
        self.at_work -= 1
        if 13 in self.calls[-1]:
            raise ValueError("a face of bad luck")
        return crops[:, 0, 0, :1, None].astype(np.float32)


@contextmanager
def held(
    encoder: Recording, shared: SharedEncoder, *calls: Crops
) -> Iterator[tuple[Future[Slots], list[Future[Slots]]]]:
    """A call of the level 1 is at work, and these wait for its end; they are let go on leaving."""
    encoder.go_on.clear()
    with ThreadPoolExecutor(1 + len(calls)) as pool:
        first = pool.submit(shared.encode, faces(1))
        assert encoder.begun.wait(10)
        others = []
        for count, crops in enumerate(calls, start=1):
            others.append(pool.submit(shared.encode, crops))
            wait_until(lambda: shared.encode_together.waiting == count)  # noqa: B023 - called at once
        yield first, others
        encoder.go_on.set()


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if true():
            return
        threading.Event().wait(0.001)
    raise AssertionError("it did not become true")


@pytest.fixture
def encoder() -> Recording:
    return Recording()


@pytest.fixture
def shared(encoder: Recording) -> SharedEncoder:
    return SharedEncoder(encoder)


def test_a_lone_call_is_encoded_at_once_and_as_it_is(
    encoder: Recording, shared: SharedEncoder
) -> None:
    assert shared.encode(faces(3, 5)).ravel().tolist() == [3, 5]
    assert encoder.calls == [[3, 5]]
    assert (shared.spec, shared.run) == (encoder.spec, encoder.run)


def test_calls_that_come_meanwhile_go_together_each_with_its_own_faces(
    encoder: Recording, shared: SharedEncoder
) -> None:
    with held(encoder, shared, faces(2, 3), faces(4), faces(5, 6, 7)) as (first, others):
        pass
    assert first.result().ravel().tolist() == [1]
    assert [one.result().ravel().tolist() for one in others] == [[2, 3], [4], [5, 6, 7]]
    assert len(encoder.calls) == 2
    assert sorted(encoder.calls[1]) == [2, 3, 4, 5, 6, 7]
    assert all(one.result().base is None for one in others)


def test_no_more_faces_go_together_than_may(
    encoder: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "MOST_JOINED", 2)
    shared = SharedEncoder(encoder)
    with held(encoder, shared, *(faces(level) for level in range(2, 9))) as (_, others):
        pass
    assert [one.result().item() for one in others] == [2, 3, 4, 5, 6, 7, 8]
    assert max(map(len, encoder.calls)) == 2


def test_an_error_reaches_only_the_call_whose_face_it_is_of(
    encoder: Recording, shared: SharedEncoder
) -> None:
    with held(encoder, shared, faces(2), faces(13), faces(4)) as (first, others):
        pass
    assert first.result().item() == 1
    assert [others[0].result().item(), others[2].result().item()] == [2, 4]
    with pytest.raises(ValueError, match="bad luck"):
        others[1].result()
    assert sorted(encoder.calls[2:]) == [[2], [4], [13]]
    assert shared.encode(faces(8)).item() == 8


def test_an_interruption_of_one_leaves_the_others_to_go_on(
    encoder: Recording, shared: SharedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = encoder.encode

    def interrupted(crops: Crops) -> Slots:
        if len(encoder.calls) == 1:
            encoder.calls.append([])
            raise KeyboardInterrupt
        return whole(crops)

    with held(encoder, shared, faces(2), faces(3), faces(4)) as (first, others):
        monkeypatch.setattr(encoder, "encode", interrupted)
    assert first.result().item() == 1
    ends = [one.exception() for one in others]
    assert sorted(type(end).__name__ for end in ends) == [
        "KeyboardInterrupt",
        "NoneType",
        "NoneType",
    ]


def test_a_face_is_the_same_bits_in_any_company(tiny_store: ModelStore) -> None:
    alone = open_encoder(tiny_store.get("tiny"), device="cpu")
    shared = SharedEncoder(alone)
    crops = [made.crop(seed)[None] for seed in range(60)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(shared.encode, crops))
    for crop, slots in zip(crops, found, strict=True):
        assert np.array_equal(slots, alone.encode(crop))
