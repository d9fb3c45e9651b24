"""Cells of a table that were left empty on purpose: those of a column that is there, where every
row of the patient is empty in it, or, for age and site, every row of the photo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace

from gestalt_space.types import PhotoRecord

EMPTIED = {
    "disorder": ("disorders",),
    "genes": ("genes",),
    "sex": ("sex",),
    "age": ("age",),
    "ancestry": ("ancestry",),
    "cohort": ("cohort",),
    "family": ("family",),
    "site": ("site",),
    "hpo": ("hpo", "hpo_absent"),
    "consent": ("consent",),
}
"""The columns that can be emptied, and the fields of a record that they fill."""


def mark_emptied(records: Sequence[PhotoRecord], columns: Collection[str]) -> list[PhotoRecord]:
    """The records of a whole table with these columns, with their `emptied`."""
    filled: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for record in records:
        for column, fields in EMPTIED.items():
            if any(getattr(record, field) not in (None, ()) for field in fields):
                filled[_owner(record, column)].add(column)
    there = [column for column in EMPTIED if column in columns]
    return [
        replace(
            record, emptied=tuple(one for one in there if one not in filled[_owner(record, one)])
        )
        for record in records
    ]


def _owner(record: PhotoRecord, column: str) -> tuple[str, ...]:
    """What a fact belongs to: age and site to a photo, all else to a patient."""
    return (record.patient, record.photo) if column in ("age", "site") else (record.patient,)
