"""`gestalt index set`, `move`, `merge`, `split` and `undo`: what a correction changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gestalt_space.documents.form import Form
from gestalt_space.documents.parts import ErrorForm, error_form
from gestalt_space.gallery.correcting import Correction


class UndoneForm(Form):
    """An event of the audit trail that was taken back."""

    id: int
    action: str


class CorrectedDocument(Form):
    """A correction. `changes` and `notes` in words; `undone`: the events that were taken back, the
    newest first; `left_in_log`: that what was replaced is in the write-ahead log still."""

    document: Literal["corrected"]
    version: Literal[1]
    changes: list[str]
    notes: list[str]
    undone: list[UndoneForm]
    left_in_log: ErrorForm | None


def corrected_document(done: Correction, notes: Sequence[str]) -> CorrectedDocument:
    """A correction, with notes on how it was read."""
    return {
        "document": "corrected",
        "version": 1,
        "changes": list(map(str, done.changes)),
        "notes": list(notes),
        "undone": [{"id": one.id, "action": one.action} for one in done.undone],
        "left_in_log": None if done.left_in_log is None else error_form(done.left_in_log),
    }
