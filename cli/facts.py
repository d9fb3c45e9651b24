"""The options that tell what is known of a patient or a photo, declared once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

Disorder = Annotated[
    list[str],
    typer.Option(
        "--disorder",
        help="OMIM:…, ORPHA:…, MONDO:… or a name; repeat for several.",
        show_default=False,
    ),
]
DisorderName = Annotated[
    list[str],
    typer.Option("--disorder-name", help="Its name; as often as --disorder.", show_default=False),
]
Gene = Annotated[
    list[str], typer.Option("--gene", help="Gene symbol; repeat for several.", show_default=False)
]
Sex = Annotated[
    str | None, typer.Option("--sex", help="female, male or other.", show_default=False)
]
Age = Annotated[
    str | None,
    typer.Option("--age", help="Age at the photo: 4y, 18m, 4y6m, 10d.", show_default=False),
]
Ancestry = Annotated[
    str | None, typer.Option("--ancestry", help="In your own words.", show_default=False)
]
Cohort = Annotated[
    str | None, typer.Option("--cohort", help="Name of a group.", show_default=False)
]
Family = Annotated[
    str | None,
    typer.Option(
        "--family",
        help="A name that patients of one family share; relatives are no evidence for each other.",
        show_default=False,
    ),
]
Site = Annotated[
    str | None,
    typer.Option(
        "--site",
        help="Where and with what the photo was taken: clinic, camera.",
        show_default=False,
    ),
]
Hpo = Annotated[
    list[str],
    typer.Option("--hpo", help="HPO term present; repeat for several.", show_default=False),
]
HpoAbsent = Annotated[
    list[str],
    typer.Option(
        "--hpo-absent", help="HPO term looked for and absent; repeat.", show_default=False
    ),
]
Consent = Annotated[
    str | None, typer.Option("--consent", help="What was consented to.", show_default=False)
]


def given_cells(
    *, hpo: Sequence[str], hpo_absent: Sequence[str], **options: str | Sequence[str] | None
) -> dict[str, str]:
    """The options that were given, as cells of a table; an empty one is an empty cell."""
    # As in the column; no absent term is an empty text.
    terms = [*hpo, *(f"!{term}" for term in hpo_absent if term)] if hpo or hpo_absent else None
    given = {**options, "hpo": terms if terms is None else ";".join(terms)}
    return {
        name: value if isinstance(value, str) else ";".join(value)
        for name, value in given.items()
        if value is not None and (isinstance(value, str) or value)
    }
