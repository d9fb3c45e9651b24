"""Who else may read a home: what of it has wider rights than its owner's alone, and what mends it.

Files that are made here are their owner's alone from the first byte; others may have been made by
an earlier version, copied, or shared on purpose.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gestalt_space.settings import Settings

GROUP, OTHERS = 0o070, 0o007


@dataclass(frozen=True, slots=True)
class Exposure:
    """What others may reach of the gallery in a home.

    `paths`: the folders and files with wider rights, the home first. `to_all`: whether everybody on
    the machine may read a file, and not only a group or a folder's list of names.
    """

    home: Path
    paths: tuple[Path, ...]
    to_all: bool

    @property
    def mending(self) -> str:
        """The command that leaves the home to its owner alone."""
        return f"chmod -R go= {shlex.quote(str(self.home))}"


def exposure(settings: Settings) -> Exposure | None:
    """What of the gallery, its database, index and crops, others may reach; None where nothing.

    A home that is its owner's alone shuts everything in it. On Windows None: rights are others
    there. A database elsewhere, by an address, is not looked at. Models hold no personal data.
    """
    home = settings.home.absolute()
    if os.name != "posix" or not home.is_dir() or not _beyond_owner(home):
        return None
    wide = [path for path in _personal(home, settings) if _beyond_owner(path)]
    to_all = any(
        _mode(path) & 0o004 and _mode(home) & _mode(path.parent) & 0o001
        for path in wide
        if not path.is_dir()
    )
    return Exposure(home, (home, *wide), to_all)


def _personal(home: Path, settings: Settings) -> Iterator[Path]:
    yield from sorted(home.glob("gallery.sqlite3*"))
    if settings.index_dir.is_dir():
        yield settings.index_dir
        yield from sorted(settings.index_dir.iterdir())
    if settings.calibrating_dir.is_dir():
        yield settings.calibrating_dir
        yield from sorted(settings.calibrating_dir.rglob("*"))


def _beyond_owner(path: Path) -> bool:
    return bool(_mode(path) & (GROUP | OTHERS))


def _mode(path: Path) -> int:
    """The rights of a path; none where it is gone, or may not be looked at."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
