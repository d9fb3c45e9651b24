"""`gestalt gaze study`: do two groups of readers look differently, and recognise as much?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import options, output

if TYPE_CHECKING:
    from gestalt_space.gaze.reader_accuracy import ReaderAccuracy
    from gestalt_space.gaze.reader_study import ReaderStudy
    from gestalt_space.tables.table import Table

TABLES = ("effects", "means", "accuracy", "readers", "roc")
METHODS = ("delong", "jackknife")

ReadersFile = Annotated[
    Path | None,
    typer.Option(
        "--readers",
        help="CSV file with the columns reader and group. [default: the columns of the table]",
        metavar="FILE",
        show_default=False,
    ),
]
PhotosFile = Annotated[
    Path | None,
    typer.Option(
        "--photos",
        help="CSV file with the columns photo and ancestry. [default: the columns of the table]",
        metavar="FILE",
        show_default=False,
    ),
]


def study(
    measures: Annotated[
        Path | None,
        typer.Argument(
            help="CSV file with a row for each reader, photo and area: reader, photo (or medium), "
            "area, and the measures.",
            metavar="MEASURES",
            show_default=False,
        ),
    ] = None,
    ratings: Annotated[
        Path | None,
        typer.Option(
            "--ratings",
            help="CSV file with a row for each reader and case: reader, case, truth and rating; or "
            "correct (1 or 0).",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    readers: ReadersFile = None,
    photos: PhotosFile = None,
    measure: Annotated[
        list[str],
        typer.Option(
            "--measure",
            help="Measure to compare, by its column. Repeatable. [default: all]",
            metavar="COLUMN",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    log: Annotated[
        list[str],
        typer.Option(
            "--log",
            help="Measure to analyse on the log scale, such as a time. Repeatable.",
            metavar="COLUMN",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    group: Annotated[
        list[str],
        typer.Option(
            "--group",
            help="Group of readers to compare, if there are more than two. Give it twice.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    ancestry: Annotated[
        list[str],
        typer.Option(
            "--ancestry",
            help="Ancestry of patients to compare, if there are more than two. Give it twice.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    groups_only: Annotated[
        bool, typer.Option("--groups-only", help="Compare the groups only, not the ancestries.")
    ] = False,
    covariance: Annotated[
        str,
        typer.Option("--covariance", help="Covariance of readers over cases: delong or jackknife."),
    ] = "delong",
    permutations: Annotated[
        int, typer.Option("--permutations", min=99, help="Number of permutations.")
    ] = 10_000,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    csv: options.Csv = None,
    table: options.CsvTable = None,
    quiet: options.Quiet = False,
) -> None:
    """Compare two groups of readers, and how they see patients of two ancestries.

    Measures of where and when readers look are compared by a mixed model: readers and photos are
    random, so the result holds for other readers and photos. A permutation test stands beside it.
    It holds for the photos of the study only.

    With --ratings, accuracy is compared by the method of Obuchowski and Rockette, with readers and
    cases as random effects. Readers without a group, and cases that a reader did not rate, are left
    out and counted.

    --csv writes the table `effects`, `means`, `accuracy`, `readers` or `roc`.
    """
    from gestalt_space.gaze import study_documents as documents
    from gestalt_space.gaze.reader_accuracy import accuracy
    from gestalt_space.gaze.reader_study import study as study_measures
    from gestalt_space.gaze.reader_tables import (
        read_ancestries,
        read_groups,
        read_measures,
        read_ratings,
    )

    output.check_csv(csv, as_json=as_json)
    if measures is None and ratings is None:
        raise UsageError("There is nothing to compare.", "Give MEASURES, --ratings FILE, or both.")
    there = [*(TABLES[:2] if measures else ()), *(TABLES[2:] if ratings else ())]
    wanted = output.table_name(table, there, csv)
    if covariance not in METHODS:
        raise UsageError(
            f"Unknown covariance {covariance!r}.", f"Choose one of: {', '.join(METHODS)}."
        )
    groups = None if readers is None else read_groups(readers)
    ancestries: Mapping[str, str] | None = {} if groups_only else None
    if photos is not None and not groups_only:
        ancestries = read_ancestries(photos)
    looked: ReaderStudy | None = None
    rated: ReaderAccuracy | None = None
    if measures is not None:
        table_of = read_measures(measures, measure, groups, ancestries)
        with output.progress("Comparing", None, quiet=quiet, unit="measures") as show:
            looked = study_measures(
                table_of,
                logs=log,
                groups=group,
                ancestries=ancestry,
                permutations=permutations,
                seed=seed,
                progress=show,
            )
    if ratings is not None:
        rated = accuracy(
            read_ratings(ratings, groups, ancestries),
            groups=group,
            ancestries=ancestry,
            method="jackknife" if covariance == "jackknife" else "delong",
        )
    tables: dict[str, Table] = {}
    if looked is not None:
        tables["effects"] = documents.effects_table(looked)
        tables["means"] = documents.cells_table(looked)
    if rated is not None:
        tables["accuracy"] = documents.accuracy_table(rated)
        tables["readers"] = documents.readers_table(rated)
        tables["roc"] = documents.roc_table(rated)
    if as_json:
        output.write_json(documents.reader_study_document(looked, rated))
    elif csv is not None:
        output.write_table(tables[wanted], csv)
    else:
        for name in ("effects", "accuracy"):
            if name in tables:
                output.write_table(tables[name])
    if not quiet:
        if looked is not None:
            _say_study(looked)
        if rated is not None:
            _say_accuracy(rated)


def _say_study(found: ReaderStudy) -> None:
    readers = ", ".join(
        f"{name} {counted_text(count, 'reader')}" for name, count in found.readers.items()
    )
    output.say(f"{readers}; {counted_text(found.photos, 'photo')}.")
    output.say(
        "p is of the mixed model, for other readers and other photos. p by permutation is for the "
        "photos of this study (for its readers, in rows on ancestry). p adj. counts the areas."
    )
    for one in found.skipped:
        output.say(f"{one.measure} of {one.area} is left out: {one.reason}.")
    _say_left_out(found.left_out, "Measures left out")


def _say_accuracy(found: ReaderAccuracy) -> None:
    by = f", covariances by {found.method}" if found.method else ""
    output.say(f"Accuracy: {found.figure}{by}; readers and cases are random.")
    for ancestry, reason in found.skipped.items():
        output.say(f"{ancestry} is left out: {reason}.")
    _say_left_out(found.left_out, "Ratings left out")


def _say_left_out(counts: Mapping[str, int], head: str) -> None:
    if counts:
        told = "; ".join(f"{count:,} {what}" for what, count in counts.items())
        output.say(f"{head}: {told}.")
