"""`gestalt index spaces`, `use` and `drop`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from . import options, output
from .interruption import interruption
from .opening import opened

Name = Annotated[
    str,
    typer.Argument(
        help="A space, by its encoder's name or the first digits of its fingerprint.",
        metavar="NAME",
        show_default=False,
    ),
]


def spaces(
    home: options.Home = None, as_json: options.Json = False, csv: options.Csv = None
) -> None:
    """List the spaces of the gallery: one for each encoder that photos were encoded by."""
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
            count = output.counted_text(space.withheld, "descriptor")
            output.say(f"{space.name}: {count} more of patients whose consent is withdrawn.")


def use(
    name: Name,
    partly: Annotated[
        bool,
        typer.Option("--partly", help="Also where faces have no descriptor in it."),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Work in another space of the gallery from now on.

    Refused where stored faces have no descriptor in it: `gestalt index fill --space NAME` makes
    them.
    """
    with (
        interruption(lambda: ": the gallery works in the one space or the other."),
        opened(home) as gallery,
    ):
        space = gallery.use_space(name, partly=partly)
    if as_json:
        from gestalt_space.documents.spaces import space_used_document

        output.write_json(space_used_document(space))
    elif not quiet:
        output.say(
            f"The gallery works in the space of {space.name} ({space.fingerprint[:12]}): "
            f"{output.counted_text(space.descriptors, 'descriptor')}, "
            f"{output.counted_text(space.missing, 'face')} without one."
        )


def drop(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Delete a space: all its descriptors, its calibration and its index.

    Photos' crops stay: `gestalt index fill --space NAME` makes the space again where its encoder is
    installed. The space that the gallery works in is refused.
    """
    from gestalt_space.errors import UsageError

    with (
        interruption(
            lambda: ": the space is there, or it is dropped.",
            "`gestalt index spaces` says which; `gestalt index rebuild` then clears its files.",
        ),
        opened(home) as gallery,
    ):
        space = gallery.droppable_space(name)
        if not yes:
            if sys.stdin is None or not sys.stdin.isatty():
                raise UsageError("Nobody can be asked here.", "Give --yes to drop the space.")
            count = output.counted_text(space.descriptors + space.withheld, "descriptor")
            typer.confirm(f"Delete the space of {space.name} with {count}?", abort=True, err=True)
        dropped = gallery.drop_space(name)
    if as_json:
        from gestalt_space.documents.spaces import space_dropped_document

        output.write_json(space_dropped_document(dropped))
    elif not quiet:
        count = output.counted_text(dropped.descriptors + dropped.withheld, "descriptor")
        output.say(f"The space of {dropped.name} is dropped, with {count}.")
