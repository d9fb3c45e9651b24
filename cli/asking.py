"""What commands ask before they do what cannot be taken back."""

from __future__ import annotations

import sys

import typer


def can_be_asked() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def confirm(question: str, *, yes: bool, not_done: str) -> None:
    """Ask, but for `yes`. Raises `UsageError` where nobody can be asked, or the answer is no."""
    from gestalt_space.errors import UsageError

    if yes:
        return
    if not can_be_asked():
        raise UsageError(
            "Cannot ask for confirmation: this is not a terminal.", "If you are sure, add --yes."
        )
    if not typer.confirm(question, err=True):
        raise UsageError(not_done, "")
