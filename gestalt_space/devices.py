"""Where models run: the cores and execution providers of this machine, and ONNX Runtime sessions.

ONNX Runtime is imported on first use.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from pathlib import Path
from typing import Any, Literal

from gestalt_space.errors import DeviceUnavailable, UsageError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bf16", "fp16"]
"""The numbers that an encoder's networks multiply in."""
DEVICES: tuple[Device, ...] = ("auto", "cpu", "cuda")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_CUDA_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


_LIMIT: list[int] = []
"""What `limit_cores` was last told."""


def limit_cores(most: int) -> None:
    """Let this process use at most so many cores from now on, where it shares its machine."""
    _LIMIT[:] = [most]


def cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        found = len(os.sched_getaffinity(0))
    else:
        found = os.cpu_count() or 1
    return min([found, *_LIMIT])


def free_memory() -> int | None:
    """Bytes of memory that this process may still take, of the machine or of its control group;
    None where the system does not tell."""
    told = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        text = Path("/proc/meminfo").read_text()
        told.append(int(text.split("MemAvailable:")[1].split()[0]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most, now = (int((group / f"memory.{one}").read_text()) for one in ("max", "current"))
        told.append(max(0, most - now))
    return min(told, default=None)


@functools.cache
def gpu_driver() -> bool:
    """Whether NVIDIA's driver is on this machine: what no GPU works without, and quickly seen."""
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True


def cuda_provider() -> bool:
    """Whether ONNX Runtime was built for CUDA."""
    return _PROVIDERS["cuda"] in runtime().get_available_providers()


def runtime() -> Any:
    """The `onnxruntime` module, with its telemetry off: no photo's machine phones home."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def parse_device(name: str) -> Device:
    """The device of that name. Raises `UsageError`."""
    for device in DEVICES:
        if name == device:
            return device
    raise UsageError(f"Unknown device {name!r}.", f"Choose one of: {', '.join(DEVICES)}.")


def providers(device: Device = "auto") -> list[str | tuple[str, dict[str, str]]]:
    """Execution providers for a device, best first, with their options.

    On a GPU numbers are those of float32 and no coarser ones (TF32), and convolutions are chosen
    by their shape, not by the time that one took. Raises `DeviceUnavailable` for a device that was
    asked for by name and is not there; `auto` takes CUDA where it is offered, else the processor.
    """
    available = runtime().get_available_providers()
    device = parse_device(device)
    if device == "cpu" or (device == "auto" and _PROVIDERS["cuda"] not in available):
        return [_PROVIDERS["cpu"]]
    if _PROVIDERS["cuda"] not in available:
        raise DeviceUnavailable(
            "You chose CUDA, but this ONNX Runtime has no CUDA provider (it has "
            f"{', '.join(available)}).",
            "Install onnxruntime-gpu instead of onnxruntime, or leave out --device.",
        )
    return [(_PROVIDERS["cuda"], _CUDA_OPTIONS), _PROVIDERS["cpu"]]


def session_options(threads: int | None = None) -> Any:
    """ONNX Runtime options: that many threads for one run, and none that spin while they wait.

    Spinning threads would take the cores from the photos that are decoded meanwhile.
    """
    options = runtime().SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def check_provider(session: Any, device: Device) -> str:
    """The provider that a session really uses: `cpu` or `cuda`.

    Raises `DeviceUnavailable` where CUDA was asked for and ONNX Runtime fell back silently.
    """
    in_force: list[str] = session.get_providers()
    used = "cuda" if in_force[0] == _PROVIDERS["cuda"] else "cpu"
    if device == "cuda" and used != "cuda":
        raise DeviceUnavailable(
            "You chose CUDA, but ONNX Runtime could not start it.",
            "Run `gestalt doctor`. To use the CPU, leave out --device.",
        )
    return used
