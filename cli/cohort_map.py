"""`gestalt cohort map`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

from . import cohort_options, options, output
from .figures import check_picture_path, write_picture
from .opening import opened


def map_(
    paths: Annotated[
        list[Path],
        typer.Option(
            "--output",
            "-o",
            help="File to write: a picture (.png, .svg, .pdf), or a page with a choice of colours "
            "(.html). Repeatable.",
            show_default=False,
        ),
    ],
    cohorts: cohort_options.Cohorts = [],  # noqa: B006 - Typer copies it
    disorders: cohort_options.Disorders = [],  # noqa: B006
    genes: cohort_options.Genes = [],  # noqa: B006
    patients: cohort_options.PatientsFile = None,
    method: Annotated[str, typer.Option("--method", help="Method: tsne, pca or umap.")] = "tsne",
    colour: Annotated[
        str,
        typer.Option(
            "--colour", help="Colour by disorder, gene, cohort, sex, ancestry, age or site."
        ),
    ] = "disorder",
    perplexity: Annotated[
        float,
        typer.Option("--perplexity", help="Perplexity of t-SNE. It is lowered for few patients."),
    ] = 15.0,
    seed: options.Seed = 0,
    save_map: Annotated[
        Path | None,
        typer.Option(
            "--save-map",
            help="Save the map to this .npz file, so that --on can place new patients on it. It "
            "has descriptors, which are biometric data.",
            show_default=False,
        ),
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option(
            "--on",
            help="Place the patients on this map, saved by --save-map. The map itself does not "
            "change.",
            show_default=False,
        ),
    ] = None,
    show_patients: cohort_options.ShowPatients = False,
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Plot patients on a 2-D map; patients who look alike are close.

    With t-SNE and UMAP, distances between groups and sizes of groups mean nothing.
    """
    from gestalt_space.atomic_files import check_new_file
    from gestalt_space.cohort.columns import parse_column
    from gestalt_space.cohort.mapping import (
        check_map_space,
        lay_map,
        parse_method,
        place,
        read_map,
        write_map,
    )
    from gestalt_space.cohort.picture_documents import map_document
    from gestalt_space.cohort.selection import Criteria, select
    from gestalt_space.cohort.shown_map import shown_map
    from gestalt_space.errors import UsageError

    column, way = parse_column(colour), parse_method(method)
    for path in paths:
        check_picture_path(path, overwrite=overwrite)
    if save_map is not None:
        if on is not None:
            raise UsageError(
                "--on does not change the map, so it cannot be saved again.",
                "Leave --save-map out.",
            )
        check_new_file(save_map, (".npz",), overwrite=overwrite)
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        selection = cohort_options.chosen(gallery, cohorts, disorders, genes, patients)
        if on is None:
            with output.progress("Computing the map", None, quiet=quiet):
                laid = lay_map(selection, way, perplexity=perplexity, seed=seed)
            made, base, placed, there = (
                laid,
                selection,
                None,
                None,
            )
        else:
            made = read_map(on)
            check_map_space(made, selection)
            placed, there = selection, place(made, selection)
            base = select(gallery, Criteria(patients=made.patients))
    shown = shown_map(made, base, placed, there)
    for path in paths:
        if path.suffix.lower() == ".html":
            from gestalt_space.pages.point_map import write_map_page

            with output.step("Drawing", quiet=quiet):
                write_map_page(
                    *(made, shown, base.source, column, path),
                    show_patients=show_patients,
                    overwrite=overwrite,
                )
        else:
            from gestalt_space.figures.cohorts import map_figure

            draw = partial(map_figure, shown, column, made.told)
            write_picture(draw, path, overwrite=overwrite, quiet=quiet)
    if save_map is not None:
        write_map(made, save_map, overwrite=overwrite)
    if as_json:
        count = 0 if placed is None else len(placed.patients)
        output.write_json(map_document(selection, made, count, str(paths[0])))
    elif not quiet:
        told = counted_text(len(made.patients), "patient")
        later = "" if placed is None else f", {len(placed.patients)} placed later"
        output.say(f"{told}{later}; {made.told}.")
        output.say(f"The map is in {', '.join(map(str, paths))}.")
        output.say(output.DISCLAIMER)
