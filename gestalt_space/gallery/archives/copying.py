"""Copies of files, their owner's alone; whoever names their folder brings them to the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from gestalt_space.atomic_files import open_private


def copy_file(source: Path, target: Path) -> None:
    """Copy a file into a new one, its owner's alone. Raises `OSError`."""
    open_private(target, "wb").close()
    shutil.copyfile(source, target)
