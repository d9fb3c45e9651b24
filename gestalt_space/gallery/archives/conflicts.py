"""What an import contradicts, as a table for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from gestalt_space.gallery.archives.people_csv import safe_cell
from gestalt_space.store.imported import Conflict

CONFLICT_COLUMNS = ("kind", "patient", "photo", "reason")


def conflicts_csv(conflicts: Iterable[Conflict]) -> bytes:
    """A line for each conflict, in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CONFLICT_COLUMNS)
    for one in conflicts:
        writer.writerow(safe_cell(getattr(one, column)) for column in CONFLICT_COLUMNS)
    return text.getvalue().encode()
