"""`gestalt gaze design`: who sees which photo when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.atomic_files import check_new_file
from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output


def design(
    readers: Annotated[
        Path,
        typer.Option(
            "--readers",
            help="CSV file with the columns reader and group.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    photos: Annotated[
        Path,
        typer.Option(
            "--photos",
            help="CSV file with the columns photo and ancestry.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    path: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Design sheet to write: .csv or .tsv.", show_default=False
        ),
    ],
    conditions: Annotated[
        str,
        typer.Option(
            "--conditions",
            help="Two conditions, such as without,with. Each reader then has two sessions, and "
            "half of each group begins with each condition.",
            show_default=False,
        ),
    ] = "",
    wash_out: Annotated[
        int, typer.Option("--wash-out", min=0, max=3650, help="Days between the two sessions.")
    ] = 28,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a design sheet: the order of photos for each reader.

    Orders are counterbalanced: over the readers of a group, each photo is as often early as late,
    and photos of the two ancestries take turns.
    """
    from gestalt_space.gaze.reader_tables import read_ancestries, read_groups
    from gestalt_space.gaze.study_design import design as design_of
    from gestalt_space.gaze.study_documents import design_document, design_table

    check_new_file(path, (".csv", ".tsv"), overwrite=overwrite)
    names = [name.strip() for name in conditions.split(",")] if conditions else [""]
    found = design_of(
        read_groups(readers),
        read_ancestries(photos),
        conditions=names,
        wash_out=wash_out,
        seed=seed,
    )
    output.write_table(design_table(found), path)
    if as_json:
        output.write_json(design_document(found))
    if not quiet:
        low, high = found.spread
        sheets = len({(row.reader, row.session) for row in found.rows})
        output.say(
            f"Wrote {counted_text(sheets, 'session')} of "
            f"{counted_text(len({row.photo for row in found.rows}), 'photo')} to "
            f"{display_name(path)}. Mean positions of photos in a group: {low:.1f} to {high:.1f}."
        )
        if found.longest_run:
            run = counted_text(found.longest_run, "photo")
            output.say(f"At most {run} of one ancestry in a row.")
