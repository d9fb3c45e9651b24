"""`gestalt gaze`: eye tracking."""

from __future__ import annotations

import typer

from . import options
from .gaze_areas import areas
from .gaze_check import check
from .gaze_import import import_

app = typer.Typer(
    help="Eye tracking: from an export to where and when readers look at a face.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def gaze() -> None:
    """Eye tracking: from an export to where and when readers look at a face."""


app.command("check", epilog=options.EXIT_CODES)(check)
app.command("import", epilog=options.EXIT_CODES)(import_)
app.command("areas", epilog=options.EXIT_CODES)(areas)
