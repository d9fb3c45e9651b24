from __future__ import annotations

import pytest
import torch

from gestalt_space.encoders import precision
from gestalt_space.errors import DeviceUnavailable, UsageError
from gestalt_space.training.computing import Computing


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


def test_a_seed_is_that_of_torch():
    Computing(torch.device("cpu"), half=False).seed(7)
    found = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(found, torch.rand(3))


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable):
        Computing.on("cuda")
    assert Computing.on("auto").device.type == "cpu"
    with pytest.raises(UsageError):
        Computing.on("abacus")  # type: ignore[arg-type]
