"""`gestalt gaze compare`: who looks where whom looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.errors import UsageError

from . import options, output
from .gaze_study import ReadersFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gestalt_space.gaze.comparison import Density

Maps = Annotated[
    list[str],
    typer.Option(
        "--maps",
        help="Maps of a model: NAME=FOLDER, with a file for each photo: PHOTO.json as `gestalt "
        "explain --json` writes it, or PHOTO.npy with 112 × 112 numbers. Repeatable.",
        metavar="NAME=FOLDER",
        show_default=False,
    ),
]


def compare(
    fixations: Annotated[
        Path,
        typer.Argument(
            help="CSV file with a row for each fixation: reader, photo (or medium), aligned_x and "
            "aligned_y, as `gestalt gaze import` writes it.",
            metavar="FIXATIONS",
            show_default=False,
        ),
    ],
    readers: ReadersFile = None,
    maps: Maps = [],  # noqa: B006 - Typer copies it
    sd: Annotated[
        float,
        typer.Option(
            "--sd",
            min=0.5,
            max=30,
            help="Standard deviation of a fixation in a density, in pixels of the aligned face.",
        ),
    ] = 4.0,
    salient: Annotated[
        float,
        typer.Option("--salient", min=0.01, max=0.5, help="Share of the pixels that IoU compares."),
    ] = 0.2,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare where a model, and where groups of readers look.

    The fixations of the readers of each group are compared with the maps of a model, and with what
    the readers of other groups looked at. Three lines show what can be expected: the centre bias
    (other readers on other photos), other readers of the group on the same photo, and the ceiling,
    which is the best mixture of both. Without --readers, all readers are one group.
    """
    from gestalt_space.gaze.agreement import agreements
    from gestalt_space.gaze.look_tables import read_looks
    from gestalt_space.gaze.reader_tables import read_groups
    from gestalt_space.gaze.study_documents import agreement_document, agreement_table

    output.check_csv(csv, as_json=as_json)
    found = read_looks(fixations)
    given = {} if readers is None else read_groups(readers)
    groups = {look.reader: given.get(look.reader, "") if given else "all" for look in found.looks}
    without = sum(not group for group in groups.values())
    names = sorted({group for group in groups.values() if group})
    photos = sorted({look.photo for look in found.looks})
    models = maps_of(maps, photos)
    of = {name: [look for look in found.looks if groups[look.reader] == name] for name in names}
    rows = {}
    with output.step("Comparing", quiet=quiet):
        for name, looks in of.items():
            others = {f"group {other}": of[other] for other in names if other != name}
            try:
                rows[name] = agreements(looks, sd, models=models, groups=others, salient=salient)
            except ValueError as error:
                raise UsageError(
                    f"The group {name} cannot be compared: {error}.",
                    "A group needs two readers and two photos.",
                ) from error
    if not rows:
        raise UsageError("No reader has a group.", "Check the file of --readers.")
    left = {"fixations off the face": found.off_face, "readers without a group": without}
    left = {what: count for what, count in left.items() if count}
    if as_json:
        output.write_json(agreement_document(rows, sd, salient, left))
    else:
        output.write_table(agreement_table(rows), csv)
    if not quiet:
        output.say(
            "NSS, AUC-Judd and shuffled AUC compare a density with fixations; CC, SIM, KL and IoU "
            "compare two densities. KL is lower for better agreement, the others are higher."
        )
        if left:
            told = "; ".join(f"{count:,} {what}" for what, count in left.items())
            output.say(f"Left out: {told}.")


def maps_of(maps: Sequence[str], photos: Iterable[str]) -> dict[str, Mapping[str, Density]]:
    """The maps of each model, by photo. Raises `UsageError`."""
    from gestalt_space.gaze.look_tables import read_maps

    models = {}
    for text in maps:
        name, _, folder = text.partition("=")
        if not name or not folder:
            raise UsageError(f"--maps {text!r} names no folder.", "Write NAME=FOLDER.")
        if name in models:
            raise UsageError(f"--maps names {name} twice.", "Give each model a name of its own.")
        models[name] = read_maps(Path(folder), photos)
    return models
