"""The `gestalt` command: thin skins over the library, one file a command group."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command and end the process with its exit code."""
    from .plain import start_in_utf_8

    start_in_utf_8()
    from .entry import run

    sys.exit(run(sys.argv[1:]))
