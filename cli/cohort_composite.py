"""`gestalt cohort composite`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import cohort_options, options, output
from .figures import PICTURES, check_picture_path, write_picture
from .opening import opened


def composite(
    path: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="The .png, .svg or .pdf file to write.", show_default=False
        ),
    ],
    cohorts: cohort_options.Cohorts = [],  # noqa: B006 - Typer copies it
    disorders: cohort_options.Disorders = [],  # noqa: B006
    genes: cohort_options.Genes = [],  # noqa: B006
    patients: cohort_options.PatientsFile = None,
    at_least: Annotated[
        int, typer.Option("--at-least", help="Refuse groups with fewer patients.")
    ] = 5,
    sharpen: cohort_options.Sharpen = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Write the image alone, 336 × 336 pixels, as .png."),
    ] = False,
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the average face of a group of patients. Each family counts once.

    Averages the aligned crops of the gallery. An average face is softer than a real face; --sharpen
    restores the contrasts. The average of a few patients could show a person, so groups of fewer
    than five are refused.
    """
    from gestalt_space.atomic_files import write_atomically
    from gestalt_space.cohort.composite import composite
    from gestalt_space.cohort.picture_documents import composite_document
    from gestalt_space.faces.crops import crop_to_png

    check_picture_path(path, PICTURES[:1] if plain else PICTURES, overwrite=overwrite)
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        selection = cohort_options.chosen(gallery, cohorts, disorders, genes, patients)
        with output.progress("Averaging", None, quiet=quiet, unit="faces") as show:
            made = composite(gallery, selection, at_least=at_least, sharpen=sharpen, progress=show)
    if plain:
        write_atomically(path, crop_to_png(made.pixels))
    else:
        from gestalt_space.figures.faces import composite_figure

        title = f"Average face: {selection.source}"
        write_picture(lambda: composite_figure(made, title), path, overwrite=overwrite, quiet=quiet)
    if as_json:
        output.write_json(composite_document(selection, made, str(path)))
    elif not quiet:
        patients_told = counted_text(made.patients, "patient")
        photos_told = counted_text(made.photos, "photo")
        output.say(f"The average face of {patients_told} ({photos_told}) is in {path}.")
        if made.sharpened:
            output.say(
                "The face is sharpened: its fine contrasts are not averages. Say so when "
                "you show it."
            )
        if made.without:
            output.say(f"No crop is stored for {made.without} more.")
