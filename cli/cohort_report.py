"""`gestalt cohort report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import cohort_options, options, output
from .opening import opened


def report(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder to write.", metavar="DIR", show_default=False),
    ],
    cohorts: cohort_options.Cohorts = [],  # noqa: B006 - Typer copies it
    disorders: cohort_options.Disorders = [],  # noqa: B006
    genes: cohort_options.Genes = [],  # noqa: B006
    patients: cohort_options.PatientsFile = None,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Of cohesion and comparison.")
    ] = 10_000,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", help="Of the comparison's intervals.")
    ] = 1000,
    seed: options.Seed = 0,
    show_patients: cohort_options.ShowPatients = False,
    show_faces: Annotated[
        bool,
        typer.Option("--show-faces", help="Average faces of groups, which are not shown else."),
    ] = False,
    at_least: Annotated[
        int, typer.Option("--at-least", help="No average faces of fewer patients.")
    ] = 5,
    sharpen: cohort_options.Sharpen = False,
    force: cohort_options.Force = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write all that can be said of a cohort as one page, with tables beside it.

    Heat map, cohesion, comparison where the patients are of two cohorts, clusters, map and average
    faces, and the sentences for a paper's methods. DIR gets report.html, report.json and tables.
    """
    from gestalt_space.cohort.report import ReportPlan, measure_cohort, report_document
    from gestalt_space.pages.report_folder import PAGE, check_report_folder, write_report

    check_report_folder(folder, overwrite=force)
    plan = ReportPlan(permutations, bootstrap, seed, at_least, show_faces, sharpen)
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        selection = cohort_options.chosen(gallery, cohorts, disorders, genes, patients)
        made = measure_cohort(gallery, selection, plan)
    write_report(made, folder, show_patients=show_patients)
    if as_json:
        output.write_json(report_document(made, show_patients=show_patients))
    elif not quiet:
        told = output.counted_text(len(selection.patients), "patient")
        output.say(f"The report of {told} is {folder / PAGE}.")
        for reason in made.left_out:
            output.say(reason, indent="  ")
        output.say(output.DISCLAIMER)
