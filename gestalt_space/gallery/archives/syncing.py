"""Streams and files that are on the disk before their folder gets its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from gestalt_space.store.sqlite import make_file

Stream = TypeVar("Stream", bound="IO[Any]")


@contextmanager
def synced(stream: Stream) -> Iterator[Stream]:
    """A stream whose bytes are on the disk at the end, and that is closed then. Raises
    `OSError`."""
    with stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk. Raises `OSError`."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def copy_file(source: Path, target: Path) -> None:
    """Copy a file into a new one, its owner's alone. Raises `OSError`."""
    make_file(target)
    shutil.copyfile(source, target)
