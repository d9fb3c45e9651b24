"""`gestalt index engine`: what searches a gallery in the place of its index on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .asking import confirm
from .interruption import interruption
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.gallery.engines.engine_mixin import EngineRemoved, EngineState

app = typer.Typer(
    help="Search engines for galleries that are too large for one machine.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Name = Annotated[str, typer.Argument(help="pgvector or milvus.", show_default=False)]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed for choosing the photos to measure.")
]


def add(
    name: Name,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="Address of milvus: http://HOST:19530 without a password, or a folder. [default: "
            "the gallery's own database, or the folder `milvus` of the home]",
            show_default=False,
        ),
    ] = None,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="Delete what the engine has there, also of another gallery, and fill it.",
        ),
    ] = False,
    seed: Seed = 0,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fill a search engine with the descriptors of a space, and measure how much it finds.

    To use it, run `gestalt match --index NAME`. From then on each command that changes the gallery
    brings the engine up to date. Photos that it does not have yet are searched exactly. If the
    command is interrupted, `gestalt index engine sync` continues. An engine that has the
    descriptors of another gallery is refused.
    """
    with (
        interruption(lambda: f": to continue, run `gestalt index engine sync {name}`."),
        opened(home, space=space) as gallery,
        output.stages(quiet=quiet) as stages,
    ):
        state = gallery.add_engine(name, address=address, anew=anew, seed=seed, stages=stages)
    _say(state, as_json=as_json, quiet=quiet)


def sync(
    name: Name,
    anew: Annotated[
        bool, typer.Option("--anew", help="Delete what the engine has, and fill it again.")
    ] = False,
    seed: Seed = 0,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Bring a search engine up to date, and measure again how much it finds.

    Run it after the engine was away, or after its data were lost or restored. All photos are
    compared by their numbers: what is missing is added, and what was removed is taken out.
    """
    with (
        interruption(lambda: ": to continue, run the same command again."),
        opened(home, space=space) as gallery,
        output.stages(quiet=quiet) as stages,
    ):
        state = gallery.sync_engine(name, anew=anew, seed=seed, stages=stages)
    _say(state, as_json=as_json, quiet=quiet)


def list_engines(
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
) -> None:
    """List the search engines of this home, and how many photos each lacks."""
    from gestalt_space.documents.engines import engines_document, engines_table

    output.check_csv(csv, as_json=as_json)
    with opened(home) as gallery:
        states = gallery.engines()
    if as_json:
        output.write_json(engines_document(states))
    else:
        output.write_table(engines_table(states), csv)


def remove(
    name: Name,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget",
            help="Stop using the engine without deleting its data, for an engine that no longer "
            "exists.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Delete the data of a space from a search engine, and stop using it.

    With --forget, the data stay in the engine. If they still exist, delete them yourself: they
    contain descriptors, also those of patients who are erased later.
    """
    from gestalt_space.documents.engines import engine_removed_document

    what = "Its data stay in the engine." if forget else "Its data are deleted."
    confirm(
        f"Stop searching by {name}? {what} The gallery itself does not change.",
        yes=yes,
        not_done="Nothing was changed.",
    )
    with (
        interruption(lambda: ": `gestalt index engine list` shows whether it was removed."),
        opened(home, space=space) as gallery,
    ):
        removed = gallery.remove_engine(name, forget=forget)
    if as_json:
        output.write_json(engine_removed_document(removed, forgotten=forget))
    elif not quiet:
        output.say(f"{name} is not used any more.{_what_stays(removed, forgotten=forget)}")


def _what_stays(removed: EngineRemoved, *, forgotten: bool) -> str:
    if forgotten:
        return f" Its data were not deleted from {removed.place}."
    if removed.left is None:
        return ""
    return (
        f" Its descriptors of this space are deleted. Other files of Milvus Lite stay in "
        f"{removed.left}. Delete them if no other home or space uses this folder."
    )


def _say(state: EngineState, *, as_json: bool, quiet: bool) -> None:
    from gestalt_space.documents.engines import engine_document
    from gestalt_space.index.approximate import NEAREST

    if as_json:
        output.write_json(engine_document(state))
        return
    if quiet or state.position is None:
        return
    photos = counted_text(state.position.rows, "photo")
    output.say(f"{state.record.name} has {photos} in {state.place}.")
    if (recall := state.record.recall) is not None:
        output.say(
            f"It finds {100 * recall.photos:.1f} % of the {NEAREST} nearest photos and "
            f"{100 * recall.disorders:.1f} % of the first {NEAREST} disorders, measured on "
            f"{counted_text(recall.measured, 'photo')}."
        )


app.command("add")(add)
app.command("list")(list_engines)
app.command("sync")(sync)
app.command("remove")(remove)
