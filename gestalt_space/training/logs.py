"""What a training says, kept beside the model that came of it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch

from gestalt_space.atomic_files import open_private

Log = Callable[[str], None]


@contextmanager
def kept_log(model: Path, log: Log) -> Iterator[Log]:
    """Gives a log whose lines go to `log` and to a file beside the model.

    Where the training does not come to its end, neither the file nor the model stays.
    """
    path = model.with_suffix(".log")
    try:
        with open_private(path, "w") as stream:

            def note(line: str) -> None:
                stream.write(line + "\n")
                stream.flush()
                log(line)

            yield note
    except BaseException:
        path.unlink(missing_ok=True)
        model.unlink(missing_ok=True)
        raise


def libraries() -> str:
    """The versions that decide what a training gives, in one line."""
    return (
        f"torch {torch.__version__}, numpy {np.__version__}, OpenCV {cv2.__version__}, "
        f"{platform.machine()}"
    )
