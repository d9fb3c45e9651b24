"""`gestalt index spaces`, `use` and `drop`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .interruption import interruption
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.gallery.choosing import SpaceState

Name = Annotated[
    str,
    typer.Argument(
        help="A space, by its encoder's name or the first digits of its fingerprint.",
        metavar="NAME",
        show_default=False,
    ),
]


def spaces(home: options.Home = None, as_json: options.Json = False) -> None:
    """List the spaces of the gallery: one for each encoder that photos were encoded by."""
    with opened(home) as gallery:
        found = gallery.spaces()
    if as_json:
        output.write_json({"version": 1, "spaces": [_record(space) for space in found]})
        return
    table = output.new_table(
        *("space", "state", "fingerprint", "descriptors", "missing", "index"),
        right=("descriptors", "missing", "index"),
        whole=("space", "fingerprint"),
        least=("index",),
    )
    for space in found:
        table.add_row(
            space.name,
            _state_text(space),
            space.fingerprint[:12],
            f"{space.descriptors:,}",
            f"{space.missing:,}",
            f"{space.index_bytes / 1e6:,.1f} MB",
        )
    output.write_table(table)
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
        output.write_json({"version": 1, "space": _record(space)})
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
        output.write_json({"version": 1, "dropped": _record(dropped)})
    elif not quiet:
        count = output.counted_text(dropped.descriptors + dropped.withheld, "descriptor")
        output.say(f"The space of {dropped.name} is dropped, with {count}.")


def _state_text(space: SpaceState) -> str:
    told = ["the gallery's own"] if space.is_default else []
    return ", ".join([*told, *([] if space.is_installed else ["encoder not installed"])])


def _record(space: SpaceState) -> dict[str, object]:
    return {name.removeprefix("is_"): value for name, value in asdict(space).items()}
