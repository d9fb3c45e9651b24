"""Paths as text, and questions about them that no odd name can break. Writing is in `atomic_files`
and `atomic_folders`."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Halves of characters that stand for no byte of a path."""


def display_name(path: str | os.PathLike[str]) -> str:
    """A path, a name or any text as it can be printed and stored, whatever bytes are in it.

    Bytes that are no UTF-8, and characters that steer a terminal, are replaced. The file system's
    encoding has no part in it: names come from tables too, and it may be ASCII.
    """
    text = _NO_BYTE.sub(UNPRINTABLE, os.fspath(path))
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else UNPRINTABLE for character in text)


def short_name(name: str, most: int = 200) -> str:
    """A name cut to so many bytes, so that there is room for more: file systems take 255."""
    return os.fsdecode(os.fsencode(name)[:most])


@contextmanager
def plain_path(path: Path) -> Iterator[str]:
    """A name for a file that libraries take which know text alone: its own, or for one with bytes
    that are no text that of a link to it, there for as long as the file is opened.
    """
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        with TemporaryDirectory(prefix="gestalt-") as folder:
            link = Path(folder, f"linked{path.suffix}")
            link.symlink_to(path.absolute())
            yield str(link)
    else:
        yield text


def is_folder(path: Path) -> bool:
    """Whether a folder stands there; no, where the name cannot be one."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def find_file(path: Path) -> Path:
    """The path as written where something is there; else each of its names in normal form C or D,
    as the disk has it; the path itself where there is nothing under either."""
    try:
        if path.exists():
            return path
        found = Path(path.anchor)
        for name in path.parts[1 if path.anchor else 0 :]:
            forms = (name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD")))
            there = (found / form for form in forms if (found / form).exists())
            found = next(there, found / name)
        return found if found.exists() else path
    except (OSError, ValueError):
        return path
