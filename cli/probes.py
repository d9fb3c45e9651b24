"""The photos that a command line names, as probes: files, folders of them, and `-` for the bytes on
standard input.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gestalt_space.errors import UsageError
from gestalt_space.paths import display_name

if TYPE_CHECKING:
    from gestalt_space.gallery.intake.folders import FoundPhotos
    from gestalt_space.gallery.pipeline import PhotoSource

STANDARD_INPUT = Path("-")
INPUT_NAME = "standard input"


def probe_names(photos: Sequence[Path]) -> list[str]:
    """What photos are called in answers."""
    return [INPUT_NAME if path == STANDARD_INPUT else display_name(path) for path in photos]


def probes_of(
    photos: Sequence[Path], face: int | None, most_bytes: int
) -> tuple[list[PhotoSource], FoundPhotos]:
    """The photos that are named, in order, and what was found in the folders among them.

    Of several faces the largest is taken, or `face`. Raises `UsageError` for a folder without
    photos, and for standard input that is named twice or is a terminal.
    """
    from gestalt_space.gallery.intake.folders import find_photos
    from gestalt_space.gallery.pipeline import PhotoSource

    if photos.count(STANDARD_INPUT) > 1:
        raise UsageError("`-` is given twice.", "Give - once: standard input is one photo.")
    found = find_photos(photos)
    sources = [
        PhotoSource(INPUT_NAME, read_standard_input(most_bytes), face, largest=True)
        if path == STANDARD_INPUT
        else PhotoSource(display_name(path), path, face, largest=True)
        for path in found.photos
    ]
    return sources, found


def read_standard_input(most_bytes: int | None = None) -> bytes:
    """The bytes on standard input; one more than `most_bytes` is enough to see that it is too much.

    Raises `UsageError` where nothing is piped in.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("There is nothing on standard input.", "Pipe a file into the command.")
    return sys.stdin.buffer.read(-1 if most_bytes is None else most_bytes + 1)
