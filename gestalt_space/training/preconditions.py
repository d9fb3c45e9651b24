"""What a training of hours needs before it begins."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gestalt_space.devices import Device
from gestalt_space.encoders.precision import torch_device
from gestalt_space.errors import OutputError, UsageError


def check_training(out: Path, device: Device = "auto") -> None:
    """Raises `UsageError`, `OutputError` or `DeviceUnavailable` where a model could not be trained
    on that device and written.
    """
    missing = [name for name in ("torch", "onnxscript") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Training needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed.",
            "Run `pip install 'gestalt-space[training]'`.",
        )
    if out.suffix != ".onnx":
        raise UsageError(f"{out} does not end in .onnx.", "Name the model's file so.")
    for path in (out, out.with_suffix(".log")):
        if path.exists():
            raise OutputError(f"{path} is there already.", "Choose another name.")
    if not out.parent.is_dir():
        raise OutputError(f"There is no folder {out.parent}.", "Make it first.")
    torch_device(device)
