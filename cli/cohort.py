"""`gestalt cohort`: which patients look alike, and what can be concluded from it."""

from __future__ import annotations

import typer

from . import options
from .cohort_cluster import cluster
from .cohort_cohesion import cohesion
from .cohort_compare import compare
from .cohort_composite import composite
from .cohort_map import map_
from .cohort_matrix import matrix
from .cohort_report import report

app = typer.Typer(
    help="Compare patients: who looks alike, and how groups differ.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
app.command("matrix", epilog=options.EXIT_CODES)(matrix)
app.command("cohesion", epilog=options.EXIT_CODES)(cohesion)
app.command("compare", epilog=options.EXIT_CODES)(compare)
app.command("cluster", epilog=options.EXIT_CODES)(cluster)
app.command("map", epilog=options.EXIT_CODES)(map_)
app.command("composite", epilog=options.EXIT_CODES)(composite)
app.command("report", epilog=options.EXIT_CODES)(report)
