"""`gestalt align` and `encode`: what became of photos whose crops or descriptors were written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NotRequired

from gestalt_space.documents.form import Form
from gestalt_space.documents.parts import ErrorForm, PassedOverForm, error_form
from gestalt_space.gallery.pipeline import PhotoResult


class WrittenCountsForm(Form):
    """How many photos were `aligned` or `encoded`, and how many failed."""

    aligned: NotRequired[int]
    encoded: NotRequired[int]
    failed: int


class FailedPhotoForm(Form):
    """A photo that failed."""

    photo: str
    error: ErrorForm


class WrittenDocument(Form):
    """Crops or descriptors that were written to `output`."""

    document: Literal["written"]
    version: Literal[1]
    output: str
    counts: WrittenCountsForm
    failed: list[FailedPhotoForm]
    passed_over: list[PassedOverForm]


def written_document(
    output: str,
    done: Literal["aligned", "encoded"],
    results: Sequence[PhotoResult],
    passed_over: Iterable[PassedOverForm],
) -> WrittenDocument:
    """What became of photos."""
    failed: list[FailedPhotoForm] = [
        {"photo": result.source.name, "error": error_form(result.error)}
        for result in results
        if result.error is not None
    ]
    counts: WrittenCountsForm = {"failed": len(failed)}
    counts[done] = len(results) - len(failed)
    return {
        "document": "written",
        "version": 1,
        "output": output,
        "counts": counts,
        "failed": failed,
        "passed_over": list(passed_over),
    }
