"""Where a training stands, on the disk: written whole after each epoch, and read without running
anything in it."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from gestalt_space.atomic_files import write_atomically
from gestalt_space.errors import TrainingError
from gestalt_space.paths import display_name

FORMAT = 1


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write numbers, texts and tensors by name; the file appears when it is whole.

    Raises `OutputError`, for a full disk too.
    """
    stream = BytesIO()
    torch.save({"format": FORMAT, **state}, stream)
    write_atomically(path, stream.getvalue())


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save` wrote. Raises `TrainingError`."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        if state.pop("format") != FORMAT:
            raise ValueError("another format version")
    except (
        OSError,
        RuntimeError,
        ValueError,
        EOFError,
        KeyError,
        AttributeError,
        UnpicklingError,
    ) as error:
        raise unreadable(path) from error
    return dict(state)


def unreadable(path: Path) -> TrainingError:
    """The error for a checkpoint that is damaged or of another version."""
    return TrainingError(
        f"The checkpoint {display_name(path)} cannot be read.",
        "Delete the folder, or choose another --output, and train again.",
    )
