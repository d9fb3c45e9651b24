"""`gestalt index engine`: the search engines of a home."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gestalt_space.documents.form import Form
from gestalt_space.documents.parts import ErrorForm, error_form
from gestalt_space.gallery.engines.engine_mixin import EngineRemoved, EngineState
from gestalt_space.tables.table import Column, Table


class RecallForm(Form):
    """How much an engine found when it was measured on `measured` photos: of the ten nearest photos
    the share `photos`, of the first ten disorders the share `disorders`. `rows`: the photos that it
    had then."""

    photos: float
    disorders: float
    measured: int
    rows: int


class EngineForm(Form):
    """A search engine. `space`: the model of its space, null where the gallery does not have the
    space any more, and its `fingerprint`. `address`: that was given, null for the gallery's own
    database or the folder `milvus` of the home; `place`: the folder or the address where it has the
    descriptors, without a password or a token. `photos` that it has, null where it could not be
    asked or has nothing; `newer`: photos of the gallery that it lacks. `recall`: null where nothing
    was measured; `error`: why it could not be asked."""

    name: str
    space: str | None
    fingerprint: str
    address: str | None
    place: str
    photos: int | None
    sequence: int | None
    newer: int
    recall: RecallForm | None
    error: ErrorForm | None


class EnginesDocument(Form):
    """The search engines of a home."""

    document: Literal["engines"]
    version: Literal[1]
    engines: list[EngineForm]


class EngineDocument(Form):
    """A search engine that was filled or brought up to date."""

    document: Literal["engine"]
    version: Literal[1]
    engine: EngineForm


class EngineRemovedDocument(Form):
    """A search engine that is not used any more. `forgotten`: its data were not deleted. `place`:
    the folder or the address where it had the descriptors; `left`: the folder in which Milvus Lite
    still has files, without these descriptors, else null."""

    document: Literal["engine-removed"]
    version: Literal[1]
    name: str
    forgotten: bool
    place: str
    left: str | None


def engines_document(states: Iterable[EngineState]) -> EnginesDocument:
    """The search engines of a home."""
    return {"document": "engines", "version": 1, "engines": [_engine(one) for one in states]}


def engine_document(state: EngineState) -> EngineDocument:
    """A search engine that was filled or brought up to date."""
    return {"document": "engine", "version": 1, "engine": _engine(state)}


def engine_removed_document(removed: EngineRemoved, *, forgotten: bool) -> EngineRemovedDocument:
    """A search engine that is not used any more."""
    return {
        "document": "engine-removed",
        "version": 1,
        "name": removed.record.name,
        "forgotten": forgotten,
        "place": removed.place,
        "left": removed.left,
    }


def engines_table(states: Iterable[EngineState]) -> Table:
    """A row for each engine."""
    columns = (
        Column("engine"),
        Column("space"),
        Column("photos", "integer"),
        Column("newer", "integer"),
        Column("recall", "number", title="recall@10"),
        Column("disorder_recall", "number", title="of disorders"),
        Column("measured", "integer", title="probes"),
        Column("place"),
        Column("error"),
    )
    return Table(columns, [_row(one) for one in states])


def _row(state: EngineState) -> tuple[str | int | float | None, ...]:
    form = _engine(state)
    recall = form["recall"]
    return (
        form["name"],
        form["space"],
        form["photos"],
        form["newer"],
        None if recall is None else recall["photos"],
        None if recall is None else recall["disorders"],
        None if recall is None else recall["measured"],
        form["place"],
        None if state.error is None else state.error.message,
    )


def _engine(state: EngineState) -> EngineForm:
    record, position = state.record, state.position
    recall = record.recall
    return {
        "name": record.name,
        "space": state.model,
        "fingerprint": record.space,
        "address": record.address,
        "place": state.place,
        "photos": None if position is None else position.rows,
        "sequence": None if position is None else position.sequence,
        "newer": state.newer,
        "recall": None
        if recall is None
        else {
            "photos": round(recall.photos, 4),
            "disorders": round(recall.disorders, 4),
            "measured": recall.measured,
            "rows": recall.rows,
        },
        "error": None if state.error is None else error_form(state.error),
    }
