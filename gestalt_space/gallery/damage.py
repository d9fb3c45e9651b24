"""Whose fault it is when numbers read from the index make no sense: a damaged file's, or ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import check_file
from gestalt_space.index.manifest import Manifest

NONSENSE = (ValueError, IndexError, OverflowError, MemoryError)
"""What NumPy raises over keys and lengths that cannot be."""


@contextmanager
def blaming_files(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Raise `IndexDamaged` in the place of what a damaged file made fail.

    Large files are not hashed when they are opened; here all are, and what is no file's fault is
    raised as it is.
    """
    try:
        yield
    except NONSENSE as error:
        check_index_files(folder, manifest, error)
        raise


def check_index_files(folder: Path, manifest: Manifest, error: Exception) -> None:
    """Hash all files of an index, after an error. Raises `IndexDamaged`."""
    for file in manifest.files:
        try:
            check_file(folder, file)
        except IndexDamaged as damaged:
            raise damaged from error
