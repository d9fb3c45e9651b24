"""`gestalt index spaces`, `use` and `drop`: the spaces of a gallery."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.gallery.choosing import SpaceState
from gestalt_space.tables.table import Column, Table


class SpaceForm(Form):
    """A space. `default`: the gallery works in it; `installed`: its encoder is; `withheld`:
    descriptors of patients whose consent is withdrawn; `missing`: faces without a descriptor."""

    name: str
    fingerprint: str
    default: bool
    installed: bool
    descriptors: int
    withheld: int
    missing: int
    index_bytes: int


class SpacesDocument(Form):
    """The spaces of a gallery."""

    document: Literal["spaces"]
    version: Literal[1]
    spaces: list[SpaceForm]


class SpaceUsedDocument(Form):
    """The space that the gallery works in from now on."""

    document: Literal["space-used"]
    version: Literal[1]
    space: SpaceForm


class SpaceDroppedDocument(Form):
    """A space that was deleted, as it was."""

    document: Literal["space-dropped"]
    version: Literal[1]
    dropped: SpaceForm


def spaces_document(spaces: Iterable[SpaceState]) -> SpacesDocument:
    """The spaces of a gallery."""
    return {"document": "spaces", "version": 1, "spaces": list(map(_space, spaces))}


def space_used_document(space: SpaceState) -> SpaceUsedDocument:
    """The space that the gallery works in."""
    return {"document": "space-used", "version": 1, "space": _space(space)}


def space_dropped_document(space: SpaceState) -> SpaceDroppedDocument:
    """A space that was deleted."""
    return {"document": "space-dropped", "version": 1, "dropped": _space(space)}


def spaces_table(spaces: Iterable[SpaceState]) -> Table:
    """A row for each space."""
    table = Table(
        (
            Column("space", whole=True),
            Column("state", readers="people"),
            Column("fingerprint", shown=lambda text: text[:12], whole=True),
            Column("default", "truth", readers="programs"),
            Column("installed", "truth", readers="programs"),
            Column("descriptors", "integer"),
            Column("withheld", "integer", readers="programs"),
            Column("missing", "integer"),
            Column("index_bytes", "integer", title="index", shown=_megabytes, least=0),
        )
    )
    for one in spaces:
        table.add_row(
            *(one.name, _state(one), one.fingerprint, one.is_default, one.is_installed),
            *(one.descriptors, one.withheld, one.missing, one.index_bytes),
        )
    return table


def _space(space: SpaceState) -> SpaceForm:
    return filled(SpaceForm, space, default=space.is_default, installed=space.is_installed)


def _state(space: SpaceState) -> str:
    told = ["in use"] if space.is_default else []
    return ", ".join([*told, *([] if space.is_installed else ["encoder not installed"])])


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
