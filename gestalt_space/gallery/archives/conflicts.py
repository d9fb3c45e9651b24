"""What an import contradicts: the error that names all of it and what mends it, and a table for
people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from gestalt_space.errors import ImportConflict
from gestalt_space.store.imported import Conflict, ConflictKind
from gestalt_space.tables.table import Table

CONFLICT_COLUMNS = ("kind", "patient", "photo", "reason")
_MENDED: dict[ConflictKind, str] = {
    "patient": "Correct the facts of patients on one side: `gestalt index set`.",
    "consent": "Export the patients who consent: nothing is taken of those whose consent is "
    "withdrawn.",
    "photo": "Correct the photos on one side: `gestalt index set PATIENT --photo NAME`.",
    "owner": "Say on one side whose a photo is: `gestalt index move`, or `gestalt index merge` "
    "where two patients are one person.",
    "descriptor": "Export without descriptors (--no-descriptors), or make those of one side anew: "
    "`gestalt index fill --again`.",
    "disorder": "Give the disorders one name on both sides: `gestalt index set PATIENT --disorder "
    "CODE --disorder-name NAME`.",
    "space": "Two models have one name: export with --no-descriptors, then `gestalt index fill`.",
}


def refusal(conflicts: Sequence[Conflict], prefix: str) -> ImportConflict:
    """The error of an import that was undone. `prefix`: that it was to put before identifiers."""
    counts = Counter(one.kind for one in conflicts)
    kinds = [kind for kind in get_args(ConflictKind) if counts[kind]]
    hints = [_MENDED[kind] for kind in kinds]
    if "patient" in kinds:
        another = "another" if prefix else "a"
        hints.append(
            f"Or, if they are other people who have the same identifiers, give {another} --prefix, "
            "as LAB-."
        )
    if "owner" in kinds and prefix:
        hints.append("Or, if they are the same people under other identifiers, leave --prefix out.")
    told = ", ".join(f"{kind} {counts[kind]:,}" for kind in kinds)
    first = conflicts[0]
    about = ", ".join(filter(None, (first.kind, first.patient, first.photo)))
    return ImportConflict(
        f"The export contradicts the gallery in {len(conflicts):,} "
        f"{'place' if len(conflicts) == 1 else 'places'} ({told}), first: {about}: "
        f"{first.reason.removesuffix('.')}.",
        " ".join(("Nothing was imported.", *hints)),
        tuple(conflicts),
    )


def conflicts_csv(conflicts: Iterable[Conflict]) -> bytes:
    """A line for each conflict, in UTF-8."""
    rows = ([getattr(one, column) for column in CONFLICT_COLUMNS] for one in conflicts)
    return Table(CONFLICT_COLUMNS, rows).csv()
