"""What a training of hours needs before it begins."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from gestalt_space.atomic_files import check_new_file
from gestalt_space.devices import Device
from gestalt_space.encoders.precision import torch_device
from gestalt_space.errors import UsageError

LEAST_FACES = 20


def check_faces(count: int) -> None:
    """Raises `UsageError` where there are too few faces to train on."""
    if count < LEAST_FACES:
        raise UsageError(f"{count} faces to train on are too few.", f"Give at least {LEAST_FACES}.")


def check_packages(*names: str) -> None:
    """Raises `UsageError` where one of these packages is not installed."""
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"Training needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} "
            "not installed.",
            "Run `pip install 'gestalt-space[training]'`.",
        )


def check_training(out: Path, device: Device = "auto") -> None:
    """Raises `UsageError`, `OutputError` or `DeviceUnavailable` where a model could not be trained
    on that device and written.
    """
    check_packages("torch", "onnxscript")
    check_new_file(out, (".onnx",), option="delete")
    check_new_file(out.with_suffix(".log"), option="delete")
    torch_device(device)
