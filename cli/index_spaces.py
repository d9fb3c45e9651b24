"""`gestalt index spaces`, `use` and `drop`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .interruption import interruption
from .opening import opened

Name = Annotated[
    str,
    typer.Argument(
        help="Space, by the name of its encoder or the first digits of its fingerprint.",
        metavar="NAME",
        show_default=False,
    ),
]


def spaces(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> None:
    """List the spaces of the gallery, one for each encoder used."""
    from gestalt_space.documents.spaces import spaces_document, spaces_table

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        found = gallery.spaces()
    if as_json:
        output.write_json(spaces_document(found))
        return
    output.write_table(spaces_table(found), csv)
    for space in found:
        if space.withheld:
            count = counted_text(space.withheld, "descriptor")
            output.say(f"{space.name}: {count} more, of patients whose consent is withdrawn.")


def use(
    name: Name,
    partly: Annotated[
        bool,
        typer.Option("--partly", help="Use it even if some faces have no descriptor in it."),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Use another space of the gallery from now on.

    This fails if some faces have no descriptor in that space. `gestalt index fill --space NAME`
    computes them.
    """
    with (
        interruption(lambda: ": `gestalt index spaces` shows which space the gallery uses."),
        opened(home) as gallery,
    ):
        space = gallery.use_space(name, partly=partly)
    if as_json:
        from gestalt_space.documents.spaces import space_used_document

        output.write_json(space_used_document(space))
    elif not quiet:
        output.say(
            f"The gallery now uses the space of {space.name} ({space.fingerprint[:12]}): "
            f"{counted_text(space.descriptors, 'descriptor')}, "
            f"{counted_text(space.missing, 'face')} without one."
        )


def drop(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Delete a space with its descriptors, calibration and index.

    Crops stay. If the encoder is installed, `gestalt index fill --space NAME` computes the space
    again. You cannot delete the space that the gallery uses.
    """
    from gestalt_space.errors import UsageError

    with (
        interruption(
            lambda: ": either the space was deleted, or nothing.",
            "`gestalt index spaces` shows which; then run `gestalt index rebuild` to clean the "
            "files.",
        ),
        opened(home) as gallery,
    ):
        space = gallery.droppable_space(name)
        if not yes:
            if sys.stdin is None or not sys.stdin.isatty():
                raise UsageError(
                    "Cannot ask for confirmation: this is not a terminal.",
                    "To delete the space, add --yes.",
                )
            count = counted_text(space.descriptors + space.withheld, "descriptor")
            typer.confirm(f"Delete the space of {space.name} with {count}?", abort=True, err=True)
        dropped = gallery.drop_space(name)
    if as_json:
        from gestalt_space.documents.spaces import space_dropped_document

        output.write_json(space_dropped_document(dropped))
    elif not quiet:
        count = counted_text(dropped.descriptors + dropped.withheld, "descriptor")
        output.say(f"Deleted the space of {dropped.name} with {count}.")
