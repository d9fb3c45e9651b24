"""The rows of a file of encodings, before they are put together by image and slot."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import TableDamaged

Slot: TypeAlias = tuple[str, str, str]
"""Model, flip and grey, as texts; all empty in files of one slot that do not say."""


@dataclass(frozen=True, slots=True)
class EncodingRows:
    """Names of images and slots of rows `(n,)`, and their vectors `(n, d)` float32.

    `first_line`: the number by which the first of them is told in errors.
    """

    names: list[str]
    slots: list[Slot]
    values: NDArray[np.float32]
    first_line: int


def unreadable(path: Path, error: OSError) -> TableDamaged:
    """That a file cannot be opened."""
    return TableDamaged(f"{path} cannot be read: {error.strerror or error}.", "Check the path.")


@functools.lru_cache(maxsize=1 << 16)
def number_id(text: str) -> str:
    """An identifier without the zeros before a number, and the `.0` that pandas hangs on it."""
    text = text.strip()
    bare = text.removesuffix(".0")
    return str(int(bare)) if bare.isascii() and bare.isdigit() else text
