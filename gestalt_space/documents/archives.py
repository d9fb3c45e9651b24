"""`gestalt index backup`, `restore`, `export` and `import`: what was written or taken in."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.gallery.archives.backing_up import BackedUp
from gestalt_space.gallery.archives.exporting import ExportedGallery
from gestalt_space.gallery.archives.importing import Imported
from gestalt_space.gallery.archives.restoring import Restored


class BackupForm(Form):
    """A backup. `sequence`: the number of the last change in it; `models`: those that its
    descriptors were made with, and `with_models` whether they are in it. `crops_outside`: crops
    that are not in it, since they are not in the database, by the URL of their place."""

    folder: str
    bytes: int
    files: int
    patients: int
    photos: int
    sequence: int
    models: list[str]
    with_models: bool
    crops_outside: dict[str, int]


class BackupDocument(Form):
    """A backup that was written."""

    document: Literal["backup"]
    version: Literal[1]
    backup: BackupForm


class RestoredForm(Form):
    """A backup that was put back. `upgraded_from`: the migration of its database, null where it is
    this one; `missing`: models that are not installed here."""

    patients: int
    photos: int
    sequence: int
    made_at: str
    upgraded_from: str | None
    notes: list[str]
    models: list[str]
    missing: list[str]


class RestoredDocument(Form):
    """A backup that was put back."""

    document: Literal["restored"]
    version: Literal[1]
    restored: RestoredForm


class ExportForm(Form):
    """An export. `withdrawn`: patients who are not in it, since their consent is withdrawn."""

    folder: str
    patients: int
    photos: int
    withdrawn: int
    bytes: int


class ExportDocument(Form):
    """An export that was written."""

    document: Literal["export"]
    version: Literal[1]
    export: ExportForm


class ImportedForm(Form):
    """What an import added. `changed`: patients who have more facts; `known_photos`: photos that
    were there; `from_future`: photos that another machine's clock has as added later than now."""

    new_patients: int
    changed: int
    new_photos: int
    known_photos: int
    new_descriptors: int
    from_future: int


class ImportedDocument(Form):
    """An export that was taken in."""

    document: Literal["imported"]
    version: Literal[1]
    imported: ImportedForm


def backup_document(done: BackedUp) -> BackupDocument:
    """A backup that was written."""
    made = filled(BackupForm, done, folder=str(done.folder))
    return {"document": "backup", "version": 1, "backup": made}


def restored_document(done: Restored) -> RestoredDocument:
    """A backup that was put back."""
    return {"document": "restored", "version": 1, "restored": filled(RestoredForm, done)}


def export_document(done: ExportedGallery) -> ExportDocument:
    """An export that was written."""
    made = filled(ExportForm, done, folder=str(done.folder))
    return {"document": "export", "version": 1, "export": made}


def imported_document(done: Imported) -> ImportedDocument:
    """An export that was taken in."""
    return {"document": "imported", "version": 1, "imported": filled(ImportedForm, done)}
