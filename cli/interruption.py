"""What a command says when it is interrupted: what is kept, truly, and how to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_space.errors import Interrupted
from gestalt_space.paths import display_name


@contextmanager
def interruption(told: Callable[[], str], hint: str = "") -> Iterator[None]:
    """An interruption within ends as `Interrupted`, with what `told` says of what is kept then."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Interrupted{told()}", hint) from None


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """An interruption within leaves what is at `path`, and says so."""
    with interruption(
        lambda: f": {display_name(path)} is unchanged.", "Run the same command again."
    ):
        yield
