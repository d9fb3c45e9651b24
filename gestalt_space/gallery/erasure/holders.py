"""Which processes have a file open, as far as the system tells."""

from __future__ import annotations

import os
from pathlib import Path

from gestalt_space.paths import display_name


def holders_of(file: Path) -> list[str]:
    """The other processes that have a file open, by number and name: on Linux, those of this user.
    Nothing elsewhere."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(link.samefile(file) for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text("utf-8", "replace").strip()
                found.append(f"{process.name} ({display_name(name)})")
        except OSError:
            continue
    return sorted(found)
