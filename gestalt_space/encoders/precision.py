"""The numbers that networks multiply in: which of them a machine can do; float32 kept strict."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING, Any, overload

from gestalt_space.devices import Device, Precision, gpu_driver, parse_device
from gestalt_space.errors import DeviceUnavailable, ModelUnsuitable, UsageError

if TYPE_CHECKING:
    import torch

PRECISIONS: tuple[Precision, ...] = ("float32", "bf16", "fp16")
LEAST_COSINE = 0.999
"""Of each slot of each face to the same in float32, in a precision that may be recommended."""
MULTIPLYING = attrgetter("cuda.matmul", "cudnn.conv", "mkldnn.matmul", "mkldnn.conv")
"""The parts of `torch.backends` that may be told to multiply float32 more coarsely."""
COARSENING = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
"""Variables by which oneDNN, which torch multiplies with on processors, gives up float32."""
INSTALL_HINT = "Run `pip install 'gestalt-space[encoders]'`."


@overload
def parse_precision(name: str) -> Precision: ...


@overload
def parse_precision(name: str | None) -> Precision | None: ...


def parse_precision(name: str | None) -> Precision | None:
    """The precision of that name, None for none. Raises `UsageError`."""
    if name is None:
        return None
    for precision in PRECISIONS:
        if name == precision:
            return precision
    raise UsageError(f"Unknown precision {name!r}.", f"Choose one of: {', '.join(PRECISIONS)}.")


def has_torch() -> bool:
    """Whether torch is installed; it is not imported."""
    return find_spec("torch") is not None


def check_torch() -> None:
    """Raises `ModelUnsuitable` where torch is not installed."""
    if not has_torch():
        raise ModelUnsuitable("This needs torch, which is not installed.", INSTALL_HINT)


def torch_device(device: Device = "auto") -> torch.device:
    """The device that torch runs on; `auto` takes a GPU where one works.

    Raises `DeviceUnavailable`, with the reason, where CUDA was asked for and does not work or torch
    is not installed.
    """
    wanted = parse_device(device)
    if not has_torch():
        raise DeviceUnavailable("torch is not installed.", INSTALL_HINT)
    import torch

    if wanted == "cpu" or (wanted == "auto" and not gpu_driver()):
        return torch.device("cpu")
    reason = _why_no_cuda()
    if reason is None:
        return torch.device("cuda")
    if wanted == "auto":
        return torch.device("cpu")
    raise DeviceUnavailable(
        f"You chose CUDA, but {reason}.",
        "Run `gestalt doctor`. To use the CPU, leave out --device.",
    )


def _why_no_cuda() -> str | None:
    """Why torch cannot use a GPU here; None where it can, tried on a product of two matrices."""
    import torch

    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return f"this torch ({torch.__version__}) was built without it"
    if not gpu_driver():
        return "there is no NVIDIA driver on this machine"
    if not torch.cuda.is_available():
        return "torch finds no GPU that its driver can use"
    try:
        ones = torch.ones(8, 8, device="cuda")
        (ones @ ones).sum().item()
    except RuntimeError as error:  # a GPU without kernels, or without free memory
        return str(error).splitlines()[0].rstrip(".")
    return None


def processor_precisions() -> tuple[Precision, ...]:
    """The precisions that this processor multiplies in by itself, float32 first.

    The one place that asks the processor. Not fp16, whatever it says: on one with AVX-512 FP16 it
    was no faster than float32.
    """
    import torch

    can = torch.cpu.get_capabilities()
    return ("float32", "bf16") if can.get("avx512_bf16") or can.get("amx_bf16") else ("float32",)


def fast_precisions(device: torch.device) -> tuple[Precision, ...]:
    """The precisions that the hardware multiplies in by itself, float32 first."""
    import torch

    if device.type == "cpu":
        return processor_precisions()
    half: tuple[Precision, ...] = ("fp16",)
    return ("float32", "bf16", *half) if torch.cuda.is_bf16_supported() else ("float32", *half)


def check_precision(precision: Precision, device: torch.device) -> None:
    """Raises `DeviceUnavailable` for a precision that a device has no hardware for, and for float32
    where the environment asks for less."""
    if device.type == "cpu" and precision == "float32":
        _check_environment()
    able = fast_precisions(device)
    if precision not in able:
        raise DeviceUnavailable(
            f"You chose {precision}, but this {_described(device)} supports only "
            f"{' and '.join(able)}. It would be many times slower.",
            "Leave out --precision, or change the model's line under [precisions] in the settings.",
        )


def _check_environment() -> None:
    for name in COARSENING:
        mode = os.environ.get(name, "STRICT")
        if mode.upper() != "STRICT":
            raise DeviceUnavailable(
                f"The environment has {name}={mode}, which makes float32 in torch less exact.",
                f"Unset {name}, and choose a faster precision with --precision.",
            )


def _described(device: torch.device) -> str:
    return "processor" if device.type == "cpu" else "GPU"


def dtype_of(precision: Precision) -> torch.dtype:
    """The type of numbers."""
    import torch

    return {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


class _StrictNumbers:
    """Torch's settings for strict float32, in force while anybody is within.

    They are those of the whole process: of encoders that run at once in several threads the first
    one sets them, and the last one puts them back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._within = 0
        self._settings = ExitStack()

    def __enter__(self) -> None:
        import torch

        with self._lock:
            self._within += 1
            if self._within > 1:
                return
            for backend in MULTIPLYING(torch.backends):
                self._settings.enter_context(_setting(backend, "fp32_precision", "ieee"))
            cudnn = torch.backends.cudnn
            self._settings.enter_context(_setting(cudnn, "benchmark", False))
            self._settings.enter_context(_setting(cudnn, "deterministic", True))

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._settings.close()


_strict = _StrictNumbers()


def strict_numbers() -> AbstractContextManager[None]:
    """Let torch multiply float32 in float32, and choose convolutions by shape, not by the clock.

    By itself torch takes TF32 for convolutions on a GPU, and a program that uses it may have asked
    for coarser products everywhere. What was asked for is in force again afterwards. Threads may be
    within at the same time.
    """
    return _strict


@contextmanager
def _setting(place: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)
