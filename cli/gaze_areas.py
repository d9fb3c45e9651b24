"""`gestalt gaze areas`: where and when readers looked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text

from . import options, output
from .figures import PICTURES, check_picture_path, write_picture

if TYPE_CHECKING:
    from gestalt_space.tables.table import Table

Picture = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Picture to write: density on the aligned face and time course (.png, .svg or .pdf).",
        show_default=False,
    ),
]


def areas(
    path: Annotated[
        Path,
        typer.Argument(
            help="Table of fixations from `gestalt gaze import`.",
            metavar="TABLE",
            show_default=False,
        ),
    ],
    picture: Picture = None,
    sigma: Annotated[
        float,
        typer.Option(
            "--sigma",
            min=0.5,
            max=50,
            help="Standard deviation of the density's kernel, in pixels of the aligned face.",
        ),
    ] = 4.0,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Where and when readers look: dwell, first looks, time course and transitions, by area.

    Means are over the trials of each reader, then over readers; intervals are 95 % intervals over
    readers. Where areas overlap, the first of this list has the fixation: mouth, philtrum, nose,
    eyes, brows, forehead, jaw, cheeks, ears, outside.

    Tables of `--csv`: `areas`, `trials` (one row per reader, medium and area), `time-course` (bins
    of 250 ms) and `transitions`.
    """
    from gestalt_space.gaze.documents import (
        TABLES,
        areas_document,
        areas_table,
        time_course_table,
        transitions_table,
        trials_by_area_table,
    )
    from gestalt_space.gaze.summary import summarise
    from gestalt_space.gaze.trial_table import read_trials
    from gestalt_space.gaze.where import mean_density

    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    name = output.table_name(table, TABLES, csv)
    if picture is not None:
        check_picture_path(picture, PICTURES, overwrite=overwrite)
    with output.step("Reading", quiet=quiet):
        trials = read_trials(path)
        summary = summarise(trials)
    if picture is not None:
        from gestalt_space.figures.gaze import areas_figure

        title = f"{counted_text(summary.readers, 'reader')}, {counted_text(summary.media, 'photo')}"
        write_picture(
            lambda: areas_figure(mean_density(trials, sigma), summary.course.mean, title),
            picture,
            overwrite=overwrite,
            quiet=quiet,
        )
    if as_json:
        output.write_json(areas_document(summary))
        return
    written: Table
    if name == "areas":
        written = areas_table(summary)
    elif name == "trials":
        written = trials_by_area_table(trials)
    elif name == "time-course":
        written = time_course_table(summary)
    else:
        written = transitions_table(summary)
    output.write_table(written, csv)
    if not quiet:
        output.say(
            f"{counted_text(summary.readers, 'reader')}, {counted_text(summary.media, 'photo')}, "
            f"{counted_text(summary.trials, 'trial')}, "
            f"{counted_text(summary.fixations, 'fixation')}."
        )
        if summary.readers == 1:
            output.say("There is one reader: means have no interval over readers.")
