"""`gestalt genomics`: variants and scores of genes."""

from __future__ import annotations

import typer

from . import options
from .genomics_join import join
from .genomics_pedia import pedia
from .genomics_score import score

app = typer.Typer(
    help="Score genes by a patient's variants, and rank them by all scores together.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def genomics() -> None:
    """Score genes by a patient's variants, and rank them by all scores together."""


app.command("score", epilog=options.EXIT_CODES)(score)
app.command("join", epilog=options.EXIT_CODES)(join)
app.command("pedia", epilog=options.EXIT_CODES)(pedia)
