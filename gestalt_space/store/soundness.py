"""Finds rows that are wrong: those that refer to nothing, those that nothing refers to, and numbers
of changes that were given twice or not at all. Changes nothing; `mending` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.types import Ids

BLOCK = 8192
"""Descriptors that are read at once."""


@dataclass(frozen=True, slots=True)
class Dangling:
    """Rows of a table that refer by a column to nothing in another."""

    table: str
    column: str
    parent: str
    rows: int


@dataclass(frozen=True, slots=True)
class Unused:
    """What nothing refers to: how many, and the identifiers of the first."""

    what: str
    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A descriptor as the database has it, sound or not. `sequence`: None for a withheld one."""

    face_id: int
    space_id: int
    sequence: int | None
    vector: bytes


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of changes: `last` is the counter, `highest` the highest that a row has."""

    last: int
    highest: int


def links() -> Iterator[tuple[sa.Table, sa.Column[Any], sa.Column[Any]]]:
    """Every reference between tables: table, column, and the column that it refers to; parents
    before their children."""
    for table in t.Base.metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
            yield table, key.parent, key.column


def refers_to_nothing(column: sa.Column[Any], parent: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """The condition for a row of a table that refers to nothing."""
    there = sa.select(sa.literal(1)).where(parent == column).correlate(column.table).exists()
    return sa.and_(column.is_not(None), ~there)


def dangling(session: Session) -> list[Dangling]:
    """References that lead to nothing, those of each column together."""
    found = []
    for table, column, parent in links():
        query = sa.select(sa.func.count()).select_from(table)
        rows = session.scalar(query.where(refers_to_nothing(column, parent))) or 0
        if rows:
            found.append(Dangling(table.name, column.name, parent.table.name, rows))
    return found


def unused(session: Session, shown: int) -> list[Unused]:
    """Photos without a face, patients without a photo, and disorders and genes that nobody has."""
    of_disorder, of_patient = t.disorder_gene.c.gene_id, t.patient_gene.c.gene_id
    kinds: tuple[tuple[str, Any, Any, sa.ColumnElement[bool]], ...] = (
        ("photo without a face", t.Photo.id, t.Photo.name, _nothing(t.Face.photo_id, t.Photo.id)),
        (
            "patient without a photo",
            t.Patient.id,
            t.Patient.external_id,
            _nothing(t.Photo.patient_id, t.Patient.id),
        ),
        (
            "disorder nobody has",
            t.Disorder.id,
            t.Disorder.code,
            _nothing(t.Diagnosis.disorder_id, t.Disorder.id),
        ),
        (
            "gene nobody has",
            t.Gene.id,
            t.Gene.symbol,
            sa.and_(_nothing(of_disorder, t.Gene.id), _nothing(of_patient, t.Gene.id)),
        ),
    )
    found = []
    for what, key, name, condition in kinds:
        count = session.scalar(sa.select(sa.func.count(key)).where(condition)) or 0
        if count:
            first = session.scalars(sa.select(name).where(condition).order_by(key).limit(shown))
            found.append(Unused(what, count, tuple(first)))
    return found


def vectors_after(session: Session, last: int) -> Sequence[tuple[int, StoredVector]]:
    """The next descriptors after a key, by their keys; none at the end."""
    query = (
        sa.select(
            t.Descriptor.id,
            t.Descriptor.face_id,
            t.Descriptor.space_id,
            t.Descriptor.sequence,
            t.Descriptor.vector,
        )
        .where(t.Descriptor.id > last)
        .order_by(t.Descriptor.id)
        .limit(BLOCK)
    )
    return [(row[0], StoredVector(*row[1:])) for row in session.execute(query)]


def withheld_after(session: Session, last: tuple[int, int]) -> Sequence[StoredVector]:
    """The next withheld descriptors after the keys of a face and a space; none at the end."""
    keys = sa.tuple_(t.Withheld.face_id, t.Withheld.space_id)
    query = (
        sa.select(t.Withheld.face_id, t.Withheld.space_id, t.Withheld.vector)
        .where(keys > sa.tuple_(*map(sa.literal, last)))
        .order_by(t.Withheld.face_id, t.Withheld.space_id)
        .limit(BLOCK)
    )
    return [StoredVector(face, space, None, blob) for face, space, blob in session.execute(query)]


def photos_of(session: Session, faces: Sequence[int]) -> list[str]:
    """Photos and patients of faces, in words, for people."""
    rows = session.execute(
        sa.select(t.Photo.name, t.Patient.external_id)
        .join(t.Photo.patient)
        .join(t.Photo.faces)
        .where(t.Face.id.in_(faces))
        .order_by(t.Face.id)
    )
    return [f"{photo} ({patient})" for photo, patient in rows]


def numbers(session: Session) -> Numbers:
    """The counter of changes, and the highest number that a row has."""
    columns: tuple[Any, ...] = (
        t.Descriptor.sequence,
        t.Removal.sequence,
        t.Patient.sequence,
        t.Photo.sequence,
        t.Generation.sequence,
        t.Calibration.sequence,
        t.Purge.sequence,
    )
    highest = [session.scalar(sa.select(sa.func.max(column))) or 0 for column in columns]
    return Numbers(session.scalars(sa.select(t.Change.sequence)).one(), max(highest))


def repeated_numbers(keys: Ids, sequences: Ids) -> Ids:
    """The keys of descriptors whose number another one before them has: `(n,)` each."""
    order = np.lexsort((keys, sequences))
    again = np.flatnonzero(np.diff(sequences[order]) == 0) + 1
    return np.sort(keys[order][again])


def descriptor_numbers(session: Session) -> tuple[Ids, Ids]:
    """The keys and numbers of all descriptors, `(n,)` each; from an index alone."""
    query = sa.select(t.Descriptor.id, t.Descriptor.sequence)
    rows = session.execute(query.execution_options(yield_per=BLOCK))
    flat = np.fromiter((value for row in rows for value in row), dtype=np.int64)
    return flat[0::2], flat[1::2]


def _nothing(column: Any, key: Any) -> sa.ColumnElement[bool]:
    return ~sa.select(sa.literal(1)).where(column == key).exists()
