"""Folders that many tests start from: filled once in a process, and copied for every other test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests import databases


class Prepared:
    """Keeps what was filled in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, name: str, target: Path, fill: Callable[[], object]) -> Path:
        """Make `target` what `fill` makes of it, with the rights and times of its files.

        `fill` has nothing open in it when it returns, and makes the same for every test.
        """
        kept = self._folder / name
        if kept.exists():
            shutil.copytree(kept, target, dirs_exist_ok=True)
            databases.copy_databases(kept, target)
        else:
            fill()
            shutil.copytree(target, kept)
            databases.copy_databases(target, kept, keep=True)
        return target
