"""Options by which the patients of a cohort are chosen, declared once for all of its commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gestalt_space.cohort.selection import Selection
    from gestalt_space.home import Gallery

Cohorts = Annotated[
    list[str],
    typer.Option("--cohort", help="Patients of this cohort. Repeatable.", show_default=False),
]
Disorders = Annotated[
    list[str],
    typer.Option(
        "--disorder",
        help="Patients with this disorder, by its identifier or name. Repeatable.",
        metavar="DISORDER",
        show_default=False,
    ),
]
Genes = Annotated[
    list[str],
    typer.Option(
        "--gene", help="Patients with variants in this gene. Repeatable.", show_default=False
    ),
]
PatientsFile = Annotated[
    Path | None,
    typer.Option(
        "--patients", help="Text file with patient ids, one per line.", show_default=False
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="What compares: local (this machine) or ray (the machines of a Ray cluster, which "
        "share a folder under the same path).",
    ),
]
Figure = Annotated[
    Path | None,
    typer.Option("--figure", help="Figure to write: .png, .svg or .pdf.", show_default=False),
]
ShowPatients = Annotated[
    bool, typer.Option("--show-patients", help="Show patient ids. They are hidden by default.")
]
Sharpen = Annotated[
    bool,
    typer.Option("--sharpen", help="Sharpen average faces to the fine contrasts of a real face."),
]


def chosen(
    gallery: Gallery,
    cohorts: Sequence[str] = (),
    disorders: Sequence[str] = (),
    genes: Sequence[str] = (),
    patients: Path | None = None,
) -> Selection:
    """The photos of the patients who fit all options given; of all patients where none is."""
    from gestalt_space.cohort.selection import Criteria, read_patients, select

    named = () if patients is None else read_patients(patients)
    return select(gallery, Criteria(tuple(cohorts), tuple(disorders), tuple(genes), named))
