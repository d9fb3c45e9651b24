from __future__ import annotations

import threading

import pytest
import torch

from gestalt_space.encoders import precision
from gestalt_space.errors import DeviceUnavailable, UsageError
from gestalt_space.training.computing import Computing, drawn_ahead


@pytest.mark.parametrize("half", [False, True])
def test_bfloat16_is_used_where_the_processor_multiplies_in_it(
    half: bool, monkeypatch: pytest.MonkeyPatch
):
    able = ("float32", "bf16") if half else ("float32",)
    monkeypatch.setattr(precision, "processor_precisions", lambda: able)
    computing = Computing.on("cpu")
    assert computing.half is half
    assert ("bfloat16" if half else "float32") in str(computing)


@pytest.mark.parametrize("half", [False, True])
def test_convolutions_run_in_those_numbers(half: bool):
    computing = Computing(torch.device("cpu"), half)
    network = computing.placed(torch.nn.Conv2d(3, 4, 3))
    with computing.mixed():
        features = network(torch.zeros(1, 3, 8, 8))
    assert features.dtype is (torch.bfloat16 if half else torch.float32)


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable):
        Computing.on("cuda")
    assert Computing.on("auto").device.type == "cpu"
    with pytest.raises(UsageError):
        Computing.on("abacus")  # type: ignore[arg-type]


def test_what_is_drawn_ahead_comes_in_order():
    drawn = list(drawn_ahead(lambda step: step * step, range(3, 60)))
    assert drawn == [step * step for step in range(3, 60)]


def test_an_error_in_drawing_is_raised():
    def draw(step: int) -> int:
        if step == 5:
            raise ValueError("no picture")
        return step

    with pytest.raises(ValueError, match="no picture"):
        list(drawn_ahead(draw, range(10)))


def test_drawing_stops_with_the_training():
    before = threading.active_count()
    batches = drawn_ahead(lambda step: step, range(1000))
    assert next(batches) == 0
    batches.close()
    assert threading.active_count() == before
