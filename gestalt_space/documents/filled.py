"""`gestalt index fill`, `rebuild` and `remove`: what changed in a gallery's rows and files."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.documents.parts import ErrorForm, RunForm, error_form, run_form
from gestalt_space.gallery.filling import FilledFaces
from gestalt_space.gallery.rebuilding import Rebuilt
from gestalt_space.store.removals import Removed
from gestalt_space.types import EncodingRun


class FillCountsForm(Form):
    """Faces that got a descriptor, and those that did not."""

    filled: int
    failed: int


class UnfilledForm(Form):
    """A face that got none."""

    photo: str
    patient: str
    error: ErrorForm


class FilledDocument(Form):
    """A space that was filled. `missing`: faces without a descriptor in it still; `default`:
    whether the gallery works in it."""

    document: Literal["filled"]
    version: Literal[1]
    space: str
    run: RunForm
    counts: FillCountsForm
    missing: int
    default: bool
    failed: list[UnfilledForm]


class WrittenIndexForm(Form):
    """The index of a space that was written anew. `replaced`: files that were there before;
    `approximate`: kinds of the approximate indexes among them."""

    space: str
    fingerprint: str
    descriptors: int
    segments: int
    replaced: int
    approximate: list[str]


class MendedForm(Form):
    """What was mended in the database: rows by table, disorders and genes that nobody had, and
    numbers of changes."""

    rows: dict[str, int]
    disorders: int
    genes: int
    numbers: int


class RebuiltForm(Form):
    """What a rebuild did. `cleaned`: whether something removed still stood in files."""

    indexes: list[WrittenIndexForm]
    foreign_files: list[str]
    cleaned: bool
    mended: MendedForm


class RebuiltDocument(Form):
    """An index that was written anew."""

    document: Literal["rebuilt"]
    version: Literal[1]
    rebuilt: RebuiltForm


class RemovedForm(Form):
    """How many went."""

    patients: int
    photos: int


class RemovedDocument(Form):
    """Patients and photos that were removed."""

    document: Literal["removed"]
    version: Literal[1]
    removed: RemovedForm


def filled_document(done: FilledFaces, space: str, run: EncodingRun) -> FilledDocument:
    """A space that was filled."""
    failed = [one for one in done.failed if one.error is not None]
    return {
        "document": "filled",
        "version": 1,
        "space": space,
        "run": run_form(run),
        "counts": {"filled": len(done.faces) - len(done.failed), "failed": len(done.failed)},
        "missing": done.missing,
        "default": done.is_default,
        "failed": [
            {"photo": one.photo, "patient": one.patient, "error": error_form(one.error)}
            for one in failed
            if one.error is not None
        ],
    }


def rebuilt_document(done: Rebuilt) -> RebuiltDocument:
    """An index that was written anew."""
    return {
        "document": "rebuilt",
        "version": 1,
        "rebuilt": filled(
            RebuiltForm,
            done,
            indexes=[filled(WrittenIndexForm, one) for one in done.indexes],
            mended=filled(MendedForm, done.mended),
        ),
    }


def removed_document(gone: Removed) -> RemovedDocument:
    """What was removed."""
    return {"document": "removed", "version": 1, "removed": filled(RemovedForm, gone)}
