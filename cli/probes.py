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
    from gestalt_space.pipeline import PhotoSource

STANDARD_INPUT = Path("-")
INPUT_NAME = "standard input"


def probe_names(photos: Sequence[Path]) -> list[str]:
    """What photos are called in answers."""
    return [INPUT_NAME if path == STANDARD_INPUT else display_name(path) for path in photos]


def probes_of(photos: Sequence[Path], face: int | None, most_bytes: int) -> list[PhotoSource]:
    """The photos that are named, in order. Of several faces the largest is taken, or `face`.

    Raises `UsageError` for a folder without photos, and for standard input that is named twice or
    is a terminal.
    """
    from gestalt_space.intake import photos_of
    from gestalt_space.pipeline import PhotoSource

    if photos.count(STANDARD_INPUT) > 1:
        raise UsageError("Standard input is named twice.", "Name - once: it is one photo.")
    found = []
    for path in photos:
        if path == STANDARD_INPUT:
            data = read_standard_input(most_bytes)
            found.append(PhotoSource(INPUT_NAME, data, face, largest=True))
        else:
            found += [
                PhotoSource(display_name(one), one, face, largest=True) for one in photos_of([path])
            ]
    return found


def read_standard_input(most_bytes: int | None = None) -> bytes:
    """The bytes on standard input; one more than `most_bytes` is enough to see that it is too much.

    Raises `UsageError` where nothing is piped in.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("Nothing comes from standard input.", "Pipe a file into the command.")
    return sys.stdin.buffer.read(-1 if most_bytes is None else most_bytes + 1)
