"""`gestalt index approximate`."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .interruption import interruption
from .opening import opened

Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed for choosing the photos to compare.")
]


def approximate(
    kind: Annotated[str, typer.Option("--kind", help="ivf or hnsw.", show_default=False)],
    lists: Annotated[
        int | None,
        typer.Option("--lists", min=1, help="ivf: number of lists. [default: 4 × √photos]"),
    ] = None,
    probes: Annotated[
        int | None,
        typer.Option("--probes", min=1, help="ivf: number of lists to search. [default: 64]"),
    ] = None,
    links: Annotated[
        int | None,
        typer.Option("--links", min=2, help="hnsw: links per photo. [default: 32]"),
    ] = None,
    breadth: Annotated[
        int | None,
        typer.Option("--breadth", min=1, help="hnsw: breadth of the search. [default: 128]"),
    ] = None,
    seed: Seed = 0,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Build an approximate index and measure how many of the nearest photos it finds.

    To use it, run `gestalt match --index ivf` or `--index hnsw`. It is faster for millions of
    photos, but misses many of the nearest, so it is never used by default. Photos added later are
    searched exactly until you build it again. Removing a patient or photo deletes it, and so does
    `gestalt index rebuild`. It is built in memory; hnsw takes minutes for a million photos.
    """
    from gestalt_space.index.approximate import NEAREST
    from gestalt_space.index.approximating import PAYS_FROM, ApproximateOptions, parse_kind

    wanted = ApproximateOptions(parse_kind(kind), lists, probes, links, breadth)
    with (
        interruption(lambda: ": nothing was built or changed."),
        opened(home, space=space) as gallery,
        output.progress("Building", 100, quiet=quiet, unit="%") as show,
    ):
        made = gallery.approximate(
            wanted, seed=seed, progress=lambda share: show(int(100 * share), 100)
        )
        name = gallery.space.model.name
    if as_json:
        from gestalt_space.documents.indexes import approximate_document

        output.write_json(approximate_document(name, made))
    elif not quiet:
        output.say(
            f"The {made.kind} index in the space of {name} has "
            f"{counted_text(made.rows, 'photo')}. It finds {100 * made.recall:.0f} % of the "
            f"{NEAREST} nearest photos, measured on {counted_text(made.measured, 'photo')}."
        )
    if made.rows < PAYS_FROM and not quiet:
        output.say(f"Below {PAYS_FROM:,} photos, exact search is about as fast and misses nothing.")
