"""The options that tell what is known of a patient or a photo, declared once."""

from __future__ import annotations

from typing import Annotated

import typer

Disorder = Annotated[
    list[str],
    typer.Option(
        "--disorder",
        help="OMIM:…, ORPHA:…, MONDO:… or a name. Repeatable.",
        show_default=False,
    ),
]
DisorderName = Annotated[
    list[str],
    typer.Option(
        "--disorder-name",
        help="Name of the disorder. Give one for each --disorder.",
        show_default=False,
    ),
]
Gene = Annotated[
    list[str], typer.Option("--gene", help="Gene symbol. Repeatable.", show_default=False)
]
Sex = Annotated[
    str | None, typer.Option("--sex", help="female, male or other.", show_default=False)
]
Age = Annotated[
    str | None,
    typer.Option("--age", help="Age at the photo: 4y, 18m, 4y6m, 10d.", show_default=False),
]
Ancestry = Annotated[
    str | None, typer.Option("--ancestry", help="Ancestry, in your own words.", show_default=False)
]
Cohort = Annotated[
    str | None,
    typer.Option("--cohort", help="Cohort: the name of a group of patients.", show_default=False),
]
Family = Annotated[
    str | None,
    typer.Option(
        "--family",
        help="Name of the family. Relatives are never matched against each other.",
        show_default=False,
    ),
]
Site = Annotated[
    str | None,
    typer.Option(
        "--site",
        help="Where and how the photo was taken: clinic, camera.",
        show_default=False,
    ),
]
Hpo = Annotated[
    list[str],
    typer.Option("--hpo", help="HPO term that is present. Repeatable.", show_default=False),
]
HpoAbsent = Annotated[
    list[str],
    typer.Option(
        "--hpo-absent",
        help="HPO term that was looked for and is absent. Repeatable.",
        show_default=False,
    ),
]
Consent = Annotated[
    str | None, typer.Option("--consent", help="What the patient consented to.", show_default=False)
]
