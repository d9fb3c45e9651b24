"""`gestalt export`: patients of the gallery in formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gestalt_space.counts import counted_text
from gestalt_space.paths import display_name

from . import options, output
from .archived import people_text, say_done
from .interruption import interruption
from .opening import opened

app = typer.Typer(
    help="Export patients of the gallery in the formats of other programs.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.callback()
def _group() -> None:
    """A group, though it has one command."""


@app.command("phenopackets", epilog=options.EXIT_CODES)
def phenopackets(
    folder: Annotated[Path, typer.Option("--output", "-o", help="New folder.", show_default=False)],
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
    hpo_release: options.HpoRelease = None,
    home: options.Home = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Export patients as phenopackets of version 2, one JSON file per patient.

    Photos are named, with their sha256 and the consent, but they are not in the files and not
    copied. What phenopackets cannot have is listed. Patients whose consent is withdrawn are not
    exported.
    """
    from gestalt_space.interop.phenopacket_documents import phenopackets_export_document
    from gestalt_space.interop.phenopacket_export import export_phenopackets
    from gestalt_space.phenotype.release import installed_ontology, open_ontology

    ontology = installed_ontology() if hpo_release is None else open_ontology(hpo_release)
    with (
        interruption(lambda: ": no export was written.", "Run the same command again."),
        opened(home) as gallery,
        output.progress("Exporting", None, quiet=quiet, unit="patients") as show,
    ):
        done = export_phenopackets(
            gallery, folder, patients=patient, cohorts=cohort, ontology=ontology, progress=show
        )
    release = "no labels of terms" if done.hpo is None else f"labels of HPO {done.hpo}"
    lines = [f"{people_text(done)} in {display_name(folder)}, with {release}."]
    if done.withdrawn:
        left = counted_text(done.withdrawn, "patient")
        lines.append(f"{left} left out: the consent is withdrawn.")
    lost = ", ".join(f"{what} ({count:,})" for what, count in done.lost.items())
    if lost:
        lines.append(f"Not in the phenopackets: {lost}.")
    say_done(phenopackets_export_document(done), lines, as_json=as_json, quiet=quiet)
