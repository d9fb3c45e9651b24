"""The command and its groups."""

from __future__ import annotations

from typing import Annotated

import typer

from . import (
    cohort,
    db,
    demo,
    doctor,
    evaluate,
    faces,
    index,
    match,
    models,
    options,
    simulate,
    train,
)

app = typer.Typer(
    name="gestalt",
    help="Rank rare genetic disorders from a photo of a face, on this machine alone.\n\n"
    "A research tool, not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        from gestalt_space import __version__

        typer.echo(f"gestalt-space {__version__}")
        raise typer.Exit


@app.callback()
def gestalt(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Rank rare genetic disorders from a photo of a face, on this machine alone.

    A research tool, not a medical device.
    """


app.command("demo", epilog=options.EXIT_CODES)(demo.demo)
app.command("match", epilog=options.EXIT_CODES)(match.match)
app.add_typer(index.app, name="index")
app.add_typer(models.app, name="models")
app.command("align", epilog=options.EXIT_CODES)(faces.align)
app.command("encode", epilog=options.EXIT_CODES)(faces.encode)
app.add_typer(cohort.app, name="cohort")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(simulate.app, name="simulate")
app.add_typer(train.app, name="train")
app.command("doctor")(doctor.doctor)
app.add_typer(db.app, name="db")
