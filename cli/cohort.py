"""`gestalt cohort`: which patients look alike, and what can be concluded from it."""

from __future__ import annotations

import typer

app = typer.Typer(
    help="Which patients look alike, and what can be concluded from it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
