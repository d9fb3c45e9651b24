"""`gestalt evaluate`: how good rankings are."""

from __future__ import annotations

import typer

from . import options
from .evaluate_gallery import gallery
from .evaluate_gmdb import arrays, gmdb

app = typer.Typer(
    help="Measure how good rankings are, by a published protocol or on your own gallery.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("gmdb", epilog=options.EXIT_CODES)(gmdb)
app.command("arrays", epilog=options.EXIT_CODES)(arrays)
app.command("gallery", epilog=options.EXIT_CODES)(gallery)
