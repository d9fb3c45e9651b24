"""`gestalt space`: what the space of an encoder sees."""

from __future__ import annotations

import typer

from . import options
from .space_probe import probe
from .space_terms import terms

app = typer.Typer(
    help="Ask what an encoder sees, by HPO terms.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def space() -> None:
    """Ask what an encoder sees, by HPO terms."""


app.command("probe", epilog=options.EXIT_CODES)(probe)
app.command("terms", epilog=options.EXIT_CODES)(terms)
