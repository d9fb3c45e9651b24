"""What each rival does with unit descriptors `(n, d)` float32: keep, open, search, add."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]


class Rival(ABC):
    """One product in one setting. Ids are places of rows, 0 … n − 1."""

    ways: ClassVar[tuple[str, ...]]
    """Ways to ask the same question of the same files."""

    slots = 1
    """Parts of a descriptor, for a rival that compares them one by one."""

    @abstractmethod
    def build(self, vectors: Vectors, folder: Path) -> None:
        """Put the rows into files in a folder, whatever index belongs to them included."""

    @abstractmethod
    def open(self, folder: Path) -> None:
        """Open the files, in a process that has not built them."""

    @abstractmethod
    def search(self, way: str, probe: Vectors, k: int) -> Ids:
        """The nearest `k` rows of a probe `(d,)`, the nearest first."""

    def add(self, first: int, vectors: Vectors) -> bool:
        """Add rows with ids from `first` on, on the disk when it returns; False where that is not
        offered."""
        del first, vectors
        return False


def nearest(similarities: NDArray[np.floating], k: int) -> Ids:
    """Places of the greatest `k` of `(n,)`, the greatest first."""
    some = np.argpartition(similarities, -k)[-k:]
    return np.asarray(some[np.argsort(-similarities[some])], np.int64)


def sync(file: Path) -> None:
    """Wait until a file is on the disk."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
