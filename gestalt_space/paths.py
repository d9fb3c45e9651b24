"""Paths as text, and questions about them that no odd name can break."""

from __future__ import annotations

import os
from pathlib import Path

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"


def display_name(path: str | os.PathLike[str]) -> str:
    """A path or name as text that can be printed and stored, whatever bytes are in it.

    Bytes that are no UTF-8, and characters that steer a terminal, are replaced.
    """
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else UNPRINTABLE for character in text)


def is_folder(path: Path) -> bool:
    """Whether a folder stands there; no, where the name cannot be one."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
