"""Copies of files, their owner's alone; whoever names their folder brings them to the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from gestalt_space.store.sqlite import make_file


def copy_file(source: Path, target: Path) -> None:
    """Copy a file into a new one, its owner's alone. Raises `OSError`."""
    make_file(target)
    shutil.copyfile(source, target)
