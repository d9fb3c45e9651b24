"""The numbers that networks multiply in, and which of them a machine is fast with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from gestalt_space.devices import Device, gpu_driver, parse_device
from gestalt_space.errors import DeviceUnavailable, ModelUnsuitable, UsageError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "float32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "float32", "bf16", "fp16")
INSTALL_HINT = "Run `pip install 'gestalt-space[encoders]'`."


def parse_precision(name: str) -> Precision:
    """The precision of that name. Raises `UsageError`."""
    for precision in PRECISIONS:
        if name == precision:
            return precision
    raise UsageError(f"There is no precision {name!r}.", f"Precisions are {', '.join(PRECISIONS)}.")


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
        f"CUDA was asked for, but {reason}.",
        "Run `gestalt doctor`; leave --device out to use the processor.",
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


def fast_precisions(device: torch.device) -> tuple[Precision, ...]:
    """The precisions that the hardware multiplies in by itself, float32 first."""
    import torch

    if device.type == "cuda":
        half: tuple[Precision, ...] = ("fp16",)
        return ("float32", "bf16", *half) if torch.cuda.is_bf16_supported() else ("float32", *half)
    can = torch.cpu.get_capabilities()
    return ("float32", "bf16") if can.get("avx512_bf16") or can.get("amx_bf16") else ("float32",)


def check_precision(precision: Precision, device: torch.device) -> None:
    """Raises `DeviceUnavailable` for a precision that a device has no hardware for."""
    able = fast_precisions(device)
    if precision not in ("auto", *able):
        raise DeviceUnavailable(
            f"{precision} was asked for; this {_described(device)} multiplies in "
            f"{' and '.join(able)} alone, and would be many times slower in it.",
            "Leave --precision out.",
        )


def _described(device: torch.device) -> str:
    return "processor" if device.type == "cpu" else "GPU"


def dtype_of(precision: Precision) -> torch.dtype:
    """The type of numbers. `auto` stands for none yet: float32."""
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
