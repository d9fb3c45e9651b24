"""What a command says where an interruption leaves all as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import Interrupted
from gestalt_space.paths import display_name


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """An interruption within leaves what is at `path`, and says so."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {display_name(path)} is as it was before.",
            "The same command starts anew.",
        ) from None
