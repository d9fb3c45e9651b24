"""What a training of hours needs before it begins."""

from __future__ import annotations

from pathlib import Path

from gestalt_space.atomic_files import check_new_file
from gestalt_space.devices import Device
from gestalt_space.encoders.precision import torch_device
from gestalt_space.errors import UsageError
from gestalt_space.training.preconditions import check_packages

LEAST_FACES = 20


def check_faces(count: int) -> None:
    """Raises `UsageError` where there are too few faces to train on."""
    if count < LEAST_FACES:
        raise UsageError(f"{count} faces to train on are too few.", f"Give at least {LEAST_FACES}.")


def check_training(out: Path, device: Device = "auto") -> None:
    """Raises `UsageError`, `OutputError` or `DeviceUnavailable` where a model could not be trained
    on that device and written.
    """
    check_device(device)
    check_new_file(out, (".onnx",), option="delete")
    check_new_file(out.with_suffix(".log"), option="delete")


def check_device(device: Device) -> None:
    """Raises `UsageError` or `DeviceUnavailable` where nothing could be trained on that device."""
    check_packages("torch", "onnxscript")
    torch_device(device)
