"""Whether a file with a key or a token is its owner's alone. One that others may read is not
used."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from gestalt_space.paths import display_name

BEYOND_OWNER = 0o077
SYSTEMD_CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable with the folder of a service's credentials. Only the service may enter it; its files
have the mode 0440, where the group's bits stand for an access list."""


def closing_command(file: Path) -> str | None:
    """The command that leaves a file to its owner alone; None where it is that already, or where
    its mode does not tell: on Windows, and of a credential of systemd. Raises `OSError`."""
    if os.name != "posix" or not file.stat().st_mode & BEYOND_OWNER or _is_credential(file):
        return None
    return f"chmod 600 {shlex.quote(display_name(file))}"


def _is_credential(file: Path) -> bool:
    folder = os.environ.get(SYSTEMD_CREDENTIALS)
    return folder is not None and file.resolve().is_relative_to(Path(folder).resolve())
