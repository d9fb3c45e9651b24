"""Partial results of a calibration on disk, for the next run. They name no patient and hold no
descriptor: numbers under hashes. None is believed but by its name; losing them costs time alone."""

from __future__ import annotations

import io
import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from gestalt_space.atomic_files import make_private_folder, write_atomically
from gestalt_space.errors import OutputError

_ENDING = ".npz"


class ArrayCache:
    """Named arrays in a folder, each name a hash of what they depend on; without one nothing is
    kept. Safe for several processes at once."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def get(self, name: str, **kinds: DTypeLike) -> dict[str, NDArray[np.generic]] | None:
        """The arrays `(n,)` of some kinds that were put by a name; None where they are missing or
        damaged."""
        if self._folder is None:
            return None
        try:
            with np.load(self._folder / (name + _ENDING), allow_pickle=False) as file:
                found = {key: file[key] for key in kinds}
        except Exception:  # noqa: BLE001 - a damaged archive raises anything
            return None
        fit = all(found[key].dtype == kind and found[key].ndim == 1 for key, kind in kinds.items())
        return found if fit else None

    def put(self, name: str, **arrays: NDArray[np.generic]) -> None:
        """Keep arrays by a name. Where that cannot be, as on a full disk, they are not kept."""
        if self._folder is None:
            return
        data = io.BytesIO()
        np.savez(data, allow_pickle=False, **arrays)
        try:
            make_private_folder(self._folder)
            write_atomically(self._folder / (name + _ENDING), data.getvalue())
        except (OSError, OutputError):
            self._folder = None

    def keep_only(self, names: Collection[str]) -> None:
        """Delete all but these."""
        if self._folder is None:
            return
        kept = {name + _ENDING for name in names}
        try:
            for path in self._folder.iterdir():
                if path.name not in kept:
                    path.unlink(missing_ok=True)
        except OSError:
            return


def forget(folder: Path) -> None:
    """Delete all that is kept, if anything is."""
    shutil.rmtree(folder, ignore_errors=True)
