"""`gestalt index export` and `gestalt index import`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import ImportConflict

from . import options, output
from .archived import people_text, say_done
from .interruption import interruption
from .opening import opened

if TYPE_CHECKING:
    from gestalt_space.store.imported import Conflict

SHOWN_CONFLICTS = 20


def export(
    folder: Annotated[Path, typer.Argument(help="New folder.", show_default=False)],
    patient: Annotated[
        list[str],
        typer.Option("--patient", help="Only this patient. Repeatable.", show_default=False),
    ] = [],  # noqa: B006 - Typer copies it
    cohort: Annotated[
        list[str],
        typer.Option(
            "--cohort", help="Only patients of this cohort. Repeatable.", show_default=False
        ),
    ] = [],  # noqa: B006
    no_crops: Annotated[
        bool, typer.Option("--no-crops", help="Leave out the aligned faces.")
    ] = False,
    no_descriptors: Annotated[
        bool,
        typer.Option(
            "--no-descriptors",
            help="Leave out the descriptors. `gestalt index fill` computes them again.",
        ),
    ] = False,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Export the gallery as Parquet tables, for another machine, another database or your own
    analysis.

    The folder also has people.csv, a readable table with one row per photo. Patients whose consent
    is withdrawn are not exported. Crops show faces, and descriptors identify people: share the
    folder only with people who may have the photos.
    """
    from gestalt_space.documents.archives import export_document
    from gestalt_space.gallery.archives.exporting import ExportOptions

    chosen = ExportOptions(tuple(patient), tuple(cohort), not no_crops, not no_descriptors)
    with (
        interruption(lambda: ": no export was written.", "Run the same command again."),
        opened(home) as gallery,
        output.progress("Exporting", None, quiet=quiet, unit="patients") as show,
    ):
        done = gallery.export(folder, chosen, progress=show)
    lines = [f"{people_text(done)} in {folder}, {done.bytes / 1e6:,.0f} MB."]
    if done.withdrawn:
        left = counted_text(done.withdrawn, "patient")
        lines.append(f"{left} left out: the consent is withdrawn.")
    say_done(export_document(done), lines, as_json=as_json, quiet=quiet)


def import_(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder that `gestalt index export` wrote.",
            metavar="EXPORT",
            show_default=False,
        ),
    ],
    into: Annotated[
        bool,
        typer.Option("--into", help="Merge the export into a gallery that already has patients."),
    ] = False,
    prefix: Annotated[
        str,
        typer.Option(
            "--prefix",
            help="Text to put before the ids of its patients and families, such as LAB-.",
            show_default=False,
        ),
    ] = "",
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write a CSV file with one line per conflict.", show_default=False
        ),
    ] = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Import an export into a gallery: all of it, or nothing.

    If a patient is already there with the same facts, their new photos are added. If anything
    contradicts the gallery, all conflicts are listed and nothing is imported. Importing the same
    export again changes nothing.
    """
    from gestalt_space.atomic_files import check_new_file, write_atomically
    from gestalt_space.documents.archives import imported_document
    from gestalt_space.gallery.archives.conflicts import conflicts_csv

    if report is not None:
        check_new_file(report, (".csv",))
    with (
        interruption(
            lambda: ": either everything was imported, or nothing.",
            "Run the same command again; anything already imported is skipped.",
        ),
        opened(home) as gallery,
        output.progress("Importing", None, quiet=quiet, unit="patients") as show,
    ):
        try:
            done = gallery.import_export(folder, into=into, prefix=prefix, progress=show)
        except ImportConflict as error:
            if report is not None:
                write_atomically(report, conflicts_csv(error.conflicts))
            if not as_json:
                _say_conflicts(error.conflicts, report)
            raise
    new = counted_text(done.new_photos, "photo")
    patients = counted_text(done.new_patients, "patient")
    there = counted_text(done.known_photos, "photo")
    lines = [f"{new} and {patients} imported; {there} there already."]
    if done.from_future:
        lines.append(
            f"{done.from_future:,} of them have a date in the future, from another machine's "
            "clock. They are recorded as added now. Check the clocks."
        )
    say_done(imported_document(done), lines, as_json=as_json, quiet=quiet)


def _say_conflicts(conflicts: Sequence[Conflict], report: Path | None) -> None:
    for one in conflicts[:SHOWN_CONFLICTS]:
        about = " ".join(filter(None, (one.kind, one.patient, one.photo)))
        output.say(f"{about}: {one.reason}")
    if len(conflicts) > SHOWN_CONFLICTS:
        where = "--report FILE.csv" if report is None else str(report)
        output.say(f"{SHOWN_CONFLICTS} of {len(conflicts):,} shown; {where} lists all.")
