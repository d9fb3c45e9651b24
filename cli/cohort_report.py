"""`gestalt cohort report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text

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
        int,
        typer.Option("--permutations", help="Number of random draws for cohesion and comparison."),
    ] = 10_000,
    bootstrap: Annotated[
        int,
        typer.Option(
            "--bootstrap", help="Number of bootstrap draws for the intervals of the comparison."
        ),
    ] = 1000,
    seed: options.Seed = 0,
    show_patients: cohort_options.ShowPatients = False,
    show_faces: Annotated[
        bool,
        typer.Option(
            "--show-faces", help="Show average faces of groups. They are hidden by default."
        ),
    ] = False,
    at_least: Annotated[
        int, typer.Option("--at-least", help="Show no average face of fewer patients.")
    ] = 5,
    sharpen: cohort_options.Sharpen = False,
    overwrite: options.Overwrite = False,
    space: options.Space = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a report about a cohort: one page, with tables.

    The page has a heat map, cohesion, clusters, a map, average faces (with --show-faces), and
    sentences for the methods section of a paper. If the patients are of two cohorts, it also
    compares them. DIR gets report.html, report.json and tables.
    """
    from gestalt_space.cohort.report import ReportPlan, measure_cohort, report_document
    from gestalt_space.pages.report_folder import PAGE, check_report_folder, write_report

    check_report_folder(folder, overwrite=overwrite)
    plan = ReportPlan(permutations, bootstrap, seed, at_least, show_faces, sharpen)
    with opened(home, space=space) as gallery:
        gallery = gallery.pinned()
        selection = cohort_options.chosen(gallery, cohorts, disorders, genes, patients)
        with output.stages(quiet=quiet) as stages:
            made = measure_cohort(gallery, selection, plan, stages=stages)
            stages("Writing the report", "patients")
            write_report(made, folder, show_patients=show_patients)
    if as_json:
        output.write_json(report_document(made, show_patients=show_patients))
    elif not quiet:
        told = counted_text(len(selection.patients), "patient")
        output.say(f"Wrote the report of {told} to {folder / PAGE}.")
        for reason in made.left_out:
            output.say(reason, indent="  ")
        output.say(output.DISCLAIMER)
