"""The command and its groups."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from . import options

COMMANDS = {
    "demo": "demo",
    "match": "match",
    "explain": "explain",
    "phenotype": "phenotype",
    "index": "index",
    "models": "models",
    "faces": "face_listing",
    "align": "faces",
    "encode": "faces",
    "cohort": "cohort",
    "export": "export",
    "genomics": "genomics",
    "space": "space",
    "gaze": "gaze",
    "evaluate": "evaluate",
    "simulate": "simulate",
    "train": "train",
    "serve": "serve",
    "user": "user",
    "doctor": "doctor",
    "db": "db",
}
"""Commands and groups, in the order in which they are listed, and the modules that have them."""


def app_for(words: Sequence[str] = ()) -> typer.Typer:
    """The command, with that part which the words of a command line name; with all, where they name
    none. Otherwise each start would pay for importing and describing all of them.
    """
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
    app.callback()(gestalt)
    asked = [word for word in words[:1] if word in COMMANDS]
    for name in asked or COMMANDS:
        module = import_module(f".{COMMANDS[name]}", __package__)
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            epilog = None if name == "doctor" else options.EXIT_CODES
            app.command(name, epilog=epilog)(getattr(module, name))
    return app


def command_of(app: typer.Typer, words: Sequence[str]) -> str:
    """The command that words name, without what is given to it: `gestalt index add`."""
    named, place = ["gestalt"], app
    for word in words:
        groups = {group.name: group.typer_instance for group in place.registered_groups}
        commands = {
            command.name or getattr(command.callback, "__name__", "")
            for command in place.registered_commands
        }
        if word not in groups and word not in commands:
            break
        named.append(word)
        if (group := groups.get(word)) is None:
            break
        place = group
    return " ".join(named)


def _version(show: bool) -> None:
    if show:
        from gestalt_space import __version__

        typer.echo(f"gestalt-space {__version__}")
        raise typer.Exit


def gestalt(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Rank rare genetic disorders from a photo of a face, on this machine alone.

    A research tool, not a medical device.
    """
