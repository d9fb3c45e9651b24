from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gestalt_space.descriptors import to_descriptors
from gestalt_space.devices import Precision
from gestalt_space.encoders import tuning
from gestalt_space.encoders.specification import EncoderSpec
from gestalt_space.encoders.tuning import ReferenceFaces, agreement, fastest, least_cosine, tune
from gestalt_space.types import Crops, EncodingRun, Slots
from tests import made

SPEC = EncoderSpec("test", ("0" * 64,), "arcface-112", 112, "RGB", 0.0, 1.0, ("one",), 4)
CLOCK = [0.0]
FACES = np.zeros((24, 112, 112, 3), np.uint8)


@dataclass
class Turned:
    """Lays faces round a circle. Takes as long as it is told by a clock that stands still
    otherwise, and is off by an angle (radians)."""

    precision: Precision
    seconds: float
    off: float
    spec: EncoderSpec = SPEC

    @property
    def run(self) -> EncodingRun:
        return EncodingRun(self.precision, "cpu", "test", "1")

    def encode(self, crops: Crops) -> Slots:
        CLOCK[0] += self.seconds
        angles = np.arange(len(crops)) ** 1.5 + self.off
        slots = np.zeros((len(crops), 1, 4), np.float32)
        slots[:, 0, 0], slots[:, 0, 1] = np.cos(angles), np.sin(angles)
        return slots


@pytest.mark.parametrize(
    ("bf16", "fp16", "best"),
    [
        ((0.001, 0.01), (0.003, 0.0), "bf16"),
        ((0.001, 0.1), (0.003, 0.0), "fp16"),
        ((0.001, 0.1), (0.02, 0.0), "float32"),
        ((0.001, np.nan), (0.02, 0.0), "float32"),
    ],
)
def test_the_fastest_that_keeps_descriptors_is_recommended(
    bf16: tuple[float, float],
    fp16: tuple[float, float],
    best: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: CLOCK[0])
    rows = tune([Turned("float32", 0.01, 0), Turned("bf16", *bf16), Turned("fp16", *fp16)], FACES)
    assert [row.precision for row in rows] == ["float32", "bf16", "fp16"]
    assert rows[0].least_cosine == pytest.approx(1)
    assert (rows[0].top1, rows[0].top10) == (1, 1)
    assert rows[1].sound is (bf16[1] < 0.04)
    assert rows[0].rate == pytest.approx(len(FACES) / 0.01)
    assert fastest(rows).precision == best


def test_the_least_cosine_is_that_of_the_worst_slot():
    exact = np.zeros((2, 2, 3), np.float32)
    exact[..., 0] = 1
    off = exact.copy()
    off[1, 1] = (0.6, 0.8, 0.0)
    assert least_cosine(exact, exact) == 1
    assert least_cosine(off, exact) == pytest.approx(0.6)
    off[1] = np.nan
    assert least_cosine(off, exact) == -1
    exact[1] = np.nan
    assert least_cosine(off, exact) == 1


def test_agreement_is_that_of_an_exact_search(rng: np.random.Generator):
    gallery = made.unit(rng, 40, 4)
    exact = made.unit(rng, 6, 4)
    near = to_descriptors((exact + 0.3 * made.unit(rng, 6, 4))[:, None])
    own = rng.random((6, 40)) < 0.2
    first = shared = 0
    for place in range(6):
        ten = [
            [int(n) for n in np.argsort(-(gallery @ one[place])) if not own[place, n]][:10]
            for one in (near, exact)
        ]
        first += ten[0][0] == ten[1][0]
        shared += len(set(ten[0]) & set(ten[1]))
    top1, top10 = agreement(near, exact, ReferenceFaces(gallery, own))
    assert (top1, top10) == pytest.approx((first / 6, shared / 60))
    assert top10 is not None
    assert 0 < top10 < 1


def test_with_too_few_nothing_is_said_of_agreement(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tuning.time, "perf_counter", lambda: CLOCK[0])
    (row,) = tune([Turned("float32", 1, 0)], FACES[:8])
    assert (row.top1, row.top10) == (None, None)
