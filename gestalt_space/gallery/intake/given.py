"""What is said of a patient or a photo by options or fields of a form, as cells of a table, so that
all are read in one way."""

from __future__ import annotations

from collections.abc import Sequence

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.emptied import mark_emptied
from gestalt_space.gallery.intake.records import ReadRecord, make_record

COLUMN_OF = {"gene": "genes"}
"""Columns of facts whose option has another name."""


def given_cells(
    *, hpo: Sequence[str], hpo_absent: Sequence[str], **options: str | Sequence[str] | None
) -> dict[str, str]:
    """The options that were given, as cells of a table; an empty one is an empty cell."""
    # As in the column; no absent term is an empty text.
    terms = [*hpo, *(f"!{term}" for term in hpo_absent if term)] if hpo or hpo_absent else None
    given = {**options, "hpo": terms if terms is None else ";".join(terms)}
    return {
        COLUMN_OF.get(name, name): value if isinstance(value, str) else ";".join(value)
        for name, value in given.items()
        if value is not None and (isinstance(value, str) or value)
    }


def correction_of(
    cells: dict[str, str], patient: str, disorder_names: Sequence[str], clear: Sequence[str]
) -> tuple[ReadRecord, tuple[str, ...]]:
    """A record of what is to be set, and the columns to be emptied. Raises `UsageError` where
    nothing is, or a fact that is set says nothing."""
    told = make_record({**cells, "patient": patient, "disorder_name": ";".join(disorder_names)})
    option_of = {column: option for option, column in COLUMN_OF.items()}
    for column in mark_emptied([told.record], cells)[0].emptied:
        option = option_of.get(column, column)
        raise UsageError(
            f"The value of --{option} is empty.",
            f"To remove the fact, use `--clear {option}`.",
        )
    if not cells and not clear:
        raise UsageError(
            "There is nothing to set.",
            "Add an option such as --sex or --disorder, or --clear FACT.",
        )
    return told, tuple(COLUMN_OF.get(fact, fact) for fact in clear)
