"""`gestalt db status`: the version of the database."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form


class DatabaseDocument(Form):
    """The migration that the database is at, null where there is none, and the one that is
    wanted."""

    document: Literal["database"]
    version: Literal[1]
    migration: str | None
    wanted: str


def database_document(migration: str | None, wanted: str) -> DatabaseDocument:
    """The version of the database."""
    return {"document": "database", "version": 1, "migration": migration, "wanted": wanted}
