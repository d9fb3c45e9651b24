from __future__ import annotations

import pytest
import torch

from gestalt_space.encoders import precision
from gestalt_space.encoders.precision import (
    MULTIPLYING,
    PRECISIONS,
    check_precision,
    check_torch,
    dtype_of,
    fast_precisions,
    parse_precision,
    strict_numbers,
    torch_device,
)
from gestalt_space.errors import DeviceUnavailable, ModelUnsuitable, UsageError

CPU = torch.device("cpu")
ASKED = precision.processor_precisions
"""The function itself, which every test has another in the place of."""


def test_precisions_are_known_by_name():
    assert [parse_precision(name) for name in PRECISIONS] == list(PRECISIONS)
    with pytest.raises(UsageError, match="float8"):
        parse_precision("float8")
    assert dtype_of("bf16") is torch.bfloat16
    assert dtype_of("float32") is torch.float32
    assert parse_precision(None) is None


def test_no_test_asks_the_processor(machine: str):
    able = ("float32",) if machine == "float32" else ("float32", "bf16")
    assert fast_precisions(CPU) == able


class Watching(torch.nn.Linear):
    """Notes how torch is told to multiply while it works."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        self.seen = [part.fp32_precision for part in MULTIPLYING(torch.backends)]
        self.cudnn = (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic)
        return super().forward(features)


def test_float32_is_float32_whatever_a_program_asked_of_torch():
    network, features = Watching(512, 16), torch.randn(16, 512)
    before = [part.fp32_precision for part in MULTIPLYING(torch.backends)]
    with torch.no_grad():
        exact = network(features)
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        asked = [part.fp32_precision for part in MULTIPLYING(torch.backends)]
        try:
            with strict_numbers():
                strict = network(features)
            after = [part.fp32_precision for part in MULTIPLYING(torch.backends)]
        finally:
            for part, value in zip(MULTIPLYING(torch.backends), before, strict=True):
                part.fp32_precision = value
    assert network.seen == ["ieee"] * 4
    assert network.cudnn == (False, True)
    assert torch.equal(strict, exact)
    assert after == asked != before


def test_one_who_leaves_takes_the_strict_numbers_from_nobody():
    matmul = torch.backends.mkldnn.matmul
    asked = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        first, second = strict_numbers(), strict_numbers()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert matmul.fp32_precision == "ieee"
        second.__exit__(None, None, None)
        assert matmul.fp32_precision == "bf16"
    finally:
        matmul.fp32_precision = asked


@pytest.mark.parametrize(
    ("can", "able"),
    [
        ({}, ("float32",)),
        ({"avx512_bf16": True}, ("float32", "bf16")),
        ({"amx_bf16": True}, ("float32", "bf16")),
    ],
)
def test_a_processor_is_asked_what_it_multiplies_in(
    can: dict[str, bool], able: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(precision, "processor_precisions", ASKED)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    assert fast_precisions(CPU) == able
    if "bf16" in able:
        check_precision("bf16", CPU)
    else:
        with pytest.raises(DeviceUnavailable, match="bf16"):
            check_precision("bf16", CPU)
    with pytest.raises(DeviceUnavailable, match="fp16"):
        check_precision("fp16", CPU)


@pytest.mark.parametrize(
    ("driver", "available", "built", "reason"),
    [
        (False, False, "13.0", "no NVIDIA driver"),
        (True, False, "13.0", "no GPU that its driver can use"),
        (True, True, None, "built without"),
    ],
)
def test_cuda_that_does_not_work_is_told_with_the_reason(
    driver: bool,
    available: bool,
    built: str | None,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(precision, "gpu_driver", lambda: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(DeviceUnavailable, match=reason):
        torch_device("cuda")
    assert torch_device("auto") == CPU
    assert torch_device("cpu") == CPU


def test_a_gpu_without_kernels_is_told(monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(precision, "gpu_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch, "ones", fail)
    with pytest.raises(DeviceUnavailable, match="no kernel image"):
        torch_device("cuda")


def test_without_torch_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "has_torch", lambda: False)
    with pytest.raises(ModelUnsuitable) as raised:
        check_torch()
    assert "pip install" in raised.value.hint
    with pytest.raises(DeviceUnavailable):
        torch_device("auto")


@pytest.mark.parametrize("name", ["ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"])
def test_an_environment_that_lowers_float32_is_refused(name: str, monkeypatch: pytest.MonkeyPatch):
    check_precision("float32", CPU)
    monkeypatch.setenv(name, "strict")
    check_precision("float32", CPU)
    monkeypatch.setenv(name, "BF16")
    with pytest.raises(DeviceUnavailable, match=name):
        check_precision("float32", CPU)
