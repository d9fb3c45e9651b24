"""`gestalt cohort matrix`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.errors import UsageError

from . import cohort_options, options, output
from .figures import check_picture_path, write_picture
from .interruption import interruption
from .opening import opened
from .probes import probes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.cohort.blocks import Number
    from gestalt_space.cohort.cohort_matrix import CohortMatrix, Unit
    from gestalt_space.cohort.selection import Selection
    from gestalt_space.cohort.workers import Workers
    from gestalt_space.home import Gallery

MOST_SHOWN = 9
"""Rows and columns of a matrix that is shown as a table: so many fit on 80 columns."""


def matrix(
    photos: Annotated[
        list[Path],
        typer.Argument(
            help="Photos, or folders of photos. They are not stored.",
            metavar="PHOTO",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - Typer copies it
    cohort: cohort_options.Cohorts = [],  # noqa: B006
    disorder: cohort_options.Disorders = [],  # noqa: B006
    gene: cohort_options.Genes = [],  # noqa: B006
    patients: cohort_options.PatientsFile = None,
    against_cohort: Annotated[
        list[str],
        typer.Option(
            "--against-cohort", help="Second set: patients of this cohort.", show_default=False
        ),
    ] = [],  # noqa: B006
    against_disorder: Annotated[
        list[str],
        typer.Option(
            "--against-disorder",
            help="Second set: patients with this disorder.",
            metavar="ID",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    against_gene: Annotated[
        list[str],
        typer.Option(
            "--against-gene",
            help="Second set: patients with variants in this gene.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    against_patients: Annotated[
        Path | None,
        typer.Option(
            "--against-patients",
            help="Second set: text file with patient ids, one per line.",
            show_default=False,
        ),
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="What a row is: photo or patient.")] = "photo",
    patient_value: Annotated[
        str,
        typer.Option(
            "--patient-value",
            help="How to compare patients: by mean (descriptors) or nearest (photos).",
        ),
    ] = "mean",
    value: Annotated[
        str,
        typer.Option(
            "--value",
            help="Value of a cell: similarity (-1 to 1), distance (1 − similarity), or rank. Rank "
            "is the place of the row among the set and all other patients of the gallery "
            "except relatives, by similarity to the column; 0 is the closest.",
        ),
    ] = "similarity",
    with_family: Annotated[
        bool,
        typer.Option(
            "--with-family",
            help="Rank relatives too. Relatives look alike even without a disorder.",
        ),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write: .csv, .tsv, .npz, .parquet, .h5ad, .npy or .zarr. The last two "
            "are written block by block, for matrices larger than memory.",
            show_default=False,
        ),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            "--dtype",
            help="Numbers in an .npy or .zarr file: float32, or float16, which takes half the "
            "space and has three digits.",
        ),
    ] = "float32",
    figure: Annotated[
        list[Path],
        typer.Option(
            "--figure",
            help="Clustered heat map to write: .png, .svg, .pdf, or an interactive .html. "
            "Repeatable.",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    engine: cohort_options.EngineName = "local",
    address: options.Address = None,
    overwrite: options.Overwrite = False,
    detector: options.Detector = "auto",
    landmarks: options.LandmarksFile = None,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    csv: options.Csv = None,
    quiet: options.Quiet = False,
) -> int:
    """Compare all photos or patients of a set with each other, or with a second set.

    Choose patients of the gallery by options, which must all fit; without options, all patients are
    used. Or name photos, which are not stored. The result is a table with names as header and first
    column. Without -o, a small matrix is shown.
    """
    from gestalt_space.cohort.cohort_matrix import (
        measure,
        parse_patient_value,
        parse_unit,
        parse_value,
    )
    from gestalt_space.cohort.large import LARGE, check_large_path, parse_number
    from gestalt_space.cohort.picture_documents import large_matrix_document
    from gestalt_space.cohort.selection import Criteria, select
    from gestalt_space.cohort.tables import check_matrix_path, matrix_table, write_matrix
    from gestalt_space.cohort.workers import engine_workers
    from gestalt_space.gallery.options import parse_engine

    output.check_csv(csv, as_json=as_json, overwrite=overwrite)
    if csv is not None and table is not None:
        raise UsageError("--csv and -o both write the matrix.", "Give -o or --csv.")
    kind, how, rows = parse_value(value), parse_patient_value(patient_value), parse_unit(unit)
    if photos and (cohort or disorder or gene or patients):
        raise UsageError(
            "You chose photos as well as patients of the gallery.",
            "Choose either photos or patients.",
        )
    against = bool(against_cohort or against_disorder or against_gene or against_patients)
    number = parse_number(dtype)
    is_large = table is not None and table.suffix.lower() in LARGE
    if number != "float32" and not is_large:
        raise UsageError(
            "Only .npy and .zarr files can have numbers of another kind.",
            "Choose one of these endings for -o, or leave out --dtype.",
        )
    machines = parse_engine(engine, address)
    if machines == "ray" and (table is None or table.suffix.lower() != ".zarr"):
        raise UsageError(
            "Several machines can only write a .zarr file.",
            "Use -o matrix.zarr, or leave out --engine ray.",
        )
    if table is not None and is_large:
        if against or kind == "rank" or (rows, how) == ("patient", "nearest") or figure:
            raise UsageError(
                f"A file that ends in {table.suffix} can only have similarities or distances of "
                "one set, without a figure.",
                "Choose another file ending, or leave out the other options.",
            )
        check_large_path(table, overwrite=overwrite)
    elif table is not None:
        check_matrix_path(table, overwrite=overwrite)
    for picture in figure:
        check_picture_path(picture, overwrite=overwrite)
    with opened(home, space=space, detector=detector, landmarks=landmarks) as gallery:
        gallery, cluster = gallery.pinned(), gallery.settings.ray_address
        if photos:
            chosen = _of_photos(gallery, photos, quiet)
        else:
            chosen = cohort_options.chosen(gallery, cohort, disorder, gene, patients)
        other = (
            cohort_options.chosen(
                gallery, against_cohort, against_disorder, against_gene, against_patients
            )
            if against
            else None
        )
        everyone = None
        if kind == "rank":
            everyone = (
                select(gallery, Criteria()) if gallery.space.stored is not None else chosen.only(())
            )
    for name, error in chosen.failed:
        output.say_error(error, name)
    code = 3 if chosen.failed else 0
    if table is not None and is_large:
        with engine_workers(machines, address or cluster, table.parent) as workers:
            _write_large(chosen, rows, kind == "distance", number, table, workers, overwrite, quiet)
        if as_json:
            output.write_json(large_matrix_document(str(table), len(chosen)))
        return code
    with output.progress("Comparing", None, quiet=quiet, unit=f"{rows}s") as show:
        found = measure(
            chosen,
            other,
            unit=rows,
            patient_value=how,
            value=kind,
            gallery=everyone,
            with_family=with_family,
            progress=show,
        )
    if (relatives := found.about["relatives_left_out"]) and not quiet:
        pairs = counted_text(relatives, "pair")
        output.say(f"Relatives are not ranked: {pairs} of a probe and a patient left out.")
    for picture in figure:
        with output.progress("Drawing", None, quiet=quiet):
            _draw(found, picture, overwrite, quiet)
    if table is not None:
        write_matrix(found, table, overwrite=overwrite)
    if not quiet:
        for written in filter(None, (table, *figure)):
            output.say(f"Written: {written}.")
    if csv is not None:
        output.write_table(matrix_table(found), csv)
    else:
        _show(found, as_json, is_written=table is not None or bool(figure))
    return code


def _draw(found: CohortMatrix, path: Path, overwrite: bool, quiet: bool) -> None:
    if path.suffix.lower() == ".html":
        from gestalt_space.pages.heat_map import write_matrix_page

        with output.step("Drawing", quiet=quiet):
            write_matrix_page(found, path, overwrite=overwrite)
        return
    from gestalt_space.figures.cohorts import matrix_figure

    write_picture(lambda: matrix_figure(found), path, overwrite=overwrite, quiet=quiet)


def _of_photos(gallery: Gallery, photos: list[Path], quiet: bool) -> Selection:
    from gestalt_space.cohort.selection import select_photos

    sources, found = probes_of(photos, None, gallery.settings.max_photo_bytes)
    output.say_passed_over(found)
    short = [source.name.rpartition("/")[2] for source in sources]
    if len(set(short)) == len(short):
        sources = [replace(source, name=name) for source, name in zip(sources, short, strict=True)]
    with output.progress("Reading", len(sources), quiet=quiet) as show:
        return select_photos(gallery, sources, progress=show)


def _write_large(
    chosen: Selection,
    unit: Unit,
    distance: bool,
    number: Number,
    path: Path,
    workers: Workers,
    overwrite: bool,
    quiet: bool,
) -> None:
    from gestalt_space.cohort.large import write_large_matrix

    counted = "rows" if path.suffix.lower() == ".npy" else "tiles"
    with (
        interruption(
            lambda: f": finished {counted} are kept next to it.",
            "Run the same command again to continue.",
        ),
        output.progress("Comparing", None, quiet=quiet, unit=counted) as show,
    ):
        write_large_matrix(
            *(chosen, path),
            unit=unit,
            distance=distance,
            number=number,
            workers=workers,
            overwrite=overwrite,
            progress=show,
        )
    if not quiet:
        output.say(f"Wrote {path}, and its row names to {path.name}.json.")


def _show(found: CohortMatrix, as_json: bool, *, is_written: bool) -> None:
    if as_json:
        from gestalt_space.cohort.tables import shown_matrix_document

        output.write_json(shown_matrix_document(found, with_values=not is_written))
        return
    if is_written:
        return
    if max(found.values.shape) > MOST_SHOWN:
        height, width = found.values.shape
        raise UsageError(
            f"A matrix of {height:,} × {width:,} does not fit on the terminal.",
            "Write it to a file with -o matrix.csv, or draw it with --figure matrix.png.",
        )
    numbers = [str(number) for number in range(1, len(found.columns) + 1)]
    table = output.new_table("", *numbers, right=numbers)
    shape = "d" if found.about["value"] == "rank" else ".3f"
    for number, row in enumerate(found.values.tolist(), start=1):
        table.add_row(str(number), *(format(value, shape) for value in row))
    output.write_table(table)
    if found.is_within:
        _name(found.rows)
    else:
        _name(found.rows, "Rows")
        _name(found.columns, "Columns")
    output.write_text(f"{found.about['value']}: {found.about['direction']}")
    output.write_text(f"space {found.about['space']}")


def _name(names: Sequence[str], title: str = "") -> None:
    if title:
        output.write_text(title, style="bold")
    for number, name in enumerate(names, start=1):
        output.write_text(f"  {number}  {name}")
