"""Who else may read the files of the gallery."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gestalt_space.gallery.inspecting.findings import CheckFinding, CheckState
from gestalt_space.gallery.permissions import exposure
from gestalt_space.paths import display_name
from gestalt_space.settings import Settings


def inspect_rights(settings: Settings) -> Iterator[CheckFinding]:
    """Which files of the home others may read; no finding where the system has no POSIX rights."""
    found = exposure(settings)
    if found is None:
        if os.name == "posix" and settings.home.is_dir():
            yield CheckFinding("rights", "ok", "only the owner can read the files")
        return
    state: CheckState = "fail" if found.to_all else "note"
    whom = "everybody on this machine" if found.to_all else "others"
    what = "files" if len(found.paths) > 1 else "the names of files"
    detail = f"{whom} can read {what} of the home {display_name(found.home)}"
    yield CheckFinding("rights", state, detail, f"Run `{found.mending}`.")
