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
    "patient": "Correct the patients in one of the two galleries: `gestalt index set`.",
    "consent": "Export only patients who consent. Patients whose consent is withdrawn cannot be "
    "imported.",
    "photo": "Correct the photos in one of the two galleries: `gestalt index set PATIENT --photo "
    "NAME`.",
    "owner": "Give the photo to the right patient in one of the two galleries: `gestalt index "
    "move`. If two patients are one person: `gestalt index merge`.",
    "descriptor": "Export without descriptors (--no-descriptors), or compute the descriptors of "
    "one gallery again: `gestalt index fill --again`.",
    "disorder": "Give the disorders the same name in both galleries: `gestalt index set PATIENT "
    "--disorder CODE --disorder-name NAME`.",
    "space": "Two models have the same name. Export with --no-descriptors, import, then run "
    "`gestalt index fill`.",
}


def refusal(conflicts: Sequence[Conflict], prefix: str) -> ImportConflict:
    """The error of an import that was undone. `prefix`: that it was to put before identifiers."""
    counts = Counter(one.kind for one in conflicts)
    kinds = [kind for kind in get_args(ConflictKind) if counts[kind]]
    hints = [_MENDED[kind] for kind in kinds]
    if "patient" in kinds:
        another = "another" if prefix else "a"
        hints.append(
            f"If they are other people with the same ids, use {another} --prefix, such as LAB-."
        )
    if "owner" in kinds and prefix:
        hints.append("If they are the same people with other ids, leave out --prefix.")
    told = ", ".join(f"{kind} {counts[kind]:,}" for kind in kinds)
    first = conflicts[0]
    about = ", ".join(filter(None, (first.kind, first.patient, first.photo)))
    return ImportConflict(
        f"The export contradicts the gallery in {len(conflicts):,} "
        f"{'place' if len(conflicts) == 1 else 'places'} ({told}). The first: {about}: "
        f"{first.reason.removesuffix('.')}.",
        " ".join(("Nothing was imported.", *hints)),
        tuple(conflicts),
    )


def conflicts_csv(conflicts: Iterable[Conflict]) -> bytes:
    """A line for each conflict, in UTF-8."""
    rows = ([getattr(one, column) for column in CONFLICT_COLUMNS] for one in conflicts)
    return Table(CONFLICT_COLUMNS, rows).csv()
