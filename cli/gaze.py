"""`gestalt gaze`: eye tracking."""

from __future__ import annotations

import typer

from . import options
from .gaze_areas import areas
from .gaze_check import check
from .gaze_compare import compare
from .gaze_design import design
from .gaze_import import import_
from .gaze_power import power
from .gaze_report import report
from .gaze_study import study

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
app.command("compare", epilog=options.EXIT_CODES)(compare)
app.command("design", epilog=options.EXIT_CODES)(design)
app.command("power", epilog=options.EXIT_CODES)(power)
app.command("study", epilog=options.EXIT_CODES)(study)
app.command("report", epilog=options.EXIT_CODES)(report)
