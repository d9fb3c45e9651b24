"""Folders that appear when they are whole: made beside their place, and renamed at the end."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import OutputError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place if all goes well, and is gone if not.

    What was there stays until then, and comes back where the change fails. Raises `OutputError`.
    """
    folder = folder.resolve()
    aside = folder.with_name(f".{folder.name}-{secrets.token_hex(4)}")
    old = aside.with_name(f"{aside.name}-old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside.mkdir()
        yield aside
        _take_place(aside, folder, old)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}.",
            "Check the path, its permissions and the free space of the disk.",
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _take_place(aside: Path, folder: Path, old: Path) -> None:
    try:
        if folder.exists():
            folder.rename(old)
        aside.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
