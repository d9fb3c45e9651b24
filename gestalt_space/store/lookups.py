"""A few rows by their keys or their names: what is asked for, however much the gallery holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from gestalt_space.errors import NotInGallery
from gestalt_space.names import likeness
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.crops import crops_of
from gestalt_space.store.people import By
from gestalt_space.types import Ids

_SHA256_START = re.compile("[0-9a-fA-F]{8,64}")
_LISTED = 8
"""Photos that a refusal lists."""


def patient_names_of(session: Session, keys: Iterable[int] | Ids) -> dict[int, str]:
    """The identifiers of patients by their keys; a key that nobody has is left out."""
    return dict(_by_key(session, t.Patient.id, keys, t.Patient.external_id))


def titles_of(session: Session, by: By, keys: Iterable[int] | Ids) -> dict[int, tuple[str, str]]:
    """Identifier and name of disorders, genes or patients by their keys; the name is empty for all
    but disorders. A key that nothing has is left out."""
    if by == "disorder":
        rows = _by_key(session, t.Disorder.id, keys, t.Disorder.code, t.Disorder.name)
        return {key: (code, name) for key, code, name in rows}
    if by == "gene":
        return {key: (name, "") for key, name in _by_key(session, t.Gene.id, keys, t.Gene.symbol)}
    return {key: (name, "") for key, name in patient_names_of(session, keys).items()}


def photo_names_of(session: Session, descriptor_ids: Iterable[int] | Ids) -> dict[int, str]:
    """The names of the photos that descriptors are of, by the descriptors' ids."""
    query = (
        sa.select(t.Descriptor.id, t.Photo.name)
        .join(t.Face, t.Face.id == t.Descriptor.face_id)
        .join(t.Photo, t.Photo.id == t.Face.photo_id)
    )
    found: dict[int, str] = {}
    for some in chunks(_plain(descriptor_ids)):
        found.update(session.execute(query.where(t.Descriptor.id.in_(some))).all())
    return found


def find_patient(session: Session, identifier: str) -> int | None:
    """The key of a patient."""
    return session.scalar(sa.select(t.Patient.id).where(t.Patient.external_id == identifier))


def photo_of(session: Session, patient: str, named: str) -> int:
    """The key of a photo of a patient, both as people name them. A photo has its path as it is
    stored; its sha256, or the first 8 digits of it or more; and the file's name at the end of the
    path. A whole path is meant before a part of one.

    Raises `NotInGallery` where none or several are named so.
    """
    rows = session.execute(
        sa.select(t.Photo.id, t.Photo.name, t.Photo.sha256)
        .join(t.Photo.patient)
        .where(t.Patient.external_id == patient)
        .order_by(t.Photo.name, t.Photo.id)
    ).all()
    whole = [row for row in rows if row.name == named]
    found = whole or [
        row
        for row in rows
        if row.name.endswith(f"/{named}")
        or (is_sha256_start(named) and row.sha256.startswith(named.lower()))
    ]
    if len(found) == 1:
        return int(found[0].id)
    if not found:
        raise NotInGallery(
            f"Patient {patient!r} has no photo {named!r}.",
            f"`gestalt index show {patient}` lists the names and sha256 of photos.",
        )
    listed = [f"{row.name} (sha256 {row.sha256[:12]})" for row in found[:_LISTED]]
    more = [f"{len(found) - _LISTED:,} more"] if len(found) > _LISTED else []
    raise NotInGallery(
        f"Patient {patient!r} has {len(found):,} photos with the name {named!r}: "
        f"{', '.join((*listed, *more))}.",
        "Give the sha256 of one of them, or its first digits.",
    )


def crop_of(session: Session, photo: int) -> bytes | None:
    """The aligned face of a photo, by its key, as PNG; None where it was not kept, empty bytes
    where it is missing or damaged outside the database. Raises `CropStoreError`."""
    faces = session.scalars(sa.select(t.Face.id).where(t.Face.photo_id == photo)).all()
    found = crops_of(session, faces)
    return next((found[face] for face in sorted(found)), None)


def is_sha256_start(text: str) -> bool:
    """Whether a text may be a sha256, or enough of its beginning to name a photo."""
    return _SHA256_START.fullmatch(text) is not None


def family_members(session: Session, family: str) -> list[tuple[int, str]]:
    """Keys and identifiers of the patients of a family, in the order of their keys."""
    rows = session.execute(
        sa.select(t.Patient.id, t.Patient.external_id)
        .where(t.Patient.family == family)
        .order_by(t.Patient.id)
    )
    return [(key, name) for key, name in rows]


def group_key(session: Session, by: By, identifier: str) -> int | None:
    """The key of a disorder, gene or patient by its identifier."""
    column = {"disorder": t.Disorder.code, "gene": t.Gene.symbol, "patient": t.Patient.external_id}
    key = {"disorder": t.Disorder.id, "gene": t.Gene.id, "patient": t.Patient.id}
    return session.scalar(sa.select(key[by]).where(column[by] == identifier))


def disorder_names(session: Session, codes: Collection[str]) -> dict[str, str]:
    """The names of disorders, by their codes; empty texts where they have none."""
    found: dict[str, str] = {}
    for some in chunks(sorted(codes)):
        rows = session.execute(
            sa.select(t.Disorder.code, t.Disorder.name).where(t.Disorder.code.in_(some))
        )
        found.update(rows.all())
    return found


def known_disorders(session: Session) -> dict[str, str]:
    """The names of all disorders of the gallery, by their codes."""
    return dict(session.execute(sa.select(t.Disorder.code, t.Disorder.name)).all())


def genes_of(session: Session, patients: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The genes of patients by their identifiers, as symbols in order; none for who has none."""
    found: dict[str, tuple[str, ...]] = {}
    for some in chunks(sorted(patients)):
        rows = session.execute(
            sa.select(t.Patient.external_id, t.Gene.symbol)
            .join(t.Patient.genes)
            .where(t.Patient.external_id.in_(some))
            .order_by(t.Patient.external_id, t.Gene.symbol)
        )
        for patient, symbol in rows:
            found[patient] = (*found.get(patient, ()), symbol)
    return found


def disorder_keys(session: Session, codes: Collection[str]) -> dict[str, int]:
    """The keys of disorders by their codes; a code that the gallery does not have is left out."""
    found: dict[str, int] = {}
    for some in chunks(codes):
        rows = sa.select(t.Disorder.code, t.Disorder.id).where(t.Disorder.code.in_(some))
        found.update(session.execute(rows).all())
    return found


def patients_like(session: Session, names: Iterable[str]) -> list[str]:
    """The identifiers of patients that a reader takes for one of the names."""
    return _alike(session, t.Patient.external_id, t.Patient.likeness, names)


def disorders_like(session: Session, names: Iterable[str]) -> list[str]:
    """The codes of disorders that a reader takes for one of the names."""
    return _alike(session, t.Disorder.code, t.Disorder.likeness, names)


def _alike(
    session: Session,
    name: InstrumentedAttribute[str],
    seen_as: InstrumentedAttribute[str],
    names: Iterable[str],
) -> list[str]:
    found: list[str] = []
    for some in chunks({likeness(one) for one in names}):
        found += session.scalars(sa.select(name).where(seen_as.in_(some)))
    return found


def _by_key(
    session: Session, key: InstrumentedAttribute[int], keys: Iterable[int] | Ids, *columns: Any
) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for some in chunks(_plain(keys)):
        found += map(tuple, session.execute(sa.select(key, *columns).where(key.in_(some))))
    return found


def _plain(keys: Iterable[int] | Ids) -> list[int]:
    """Python's integers: SQLite stores NumPy's as bytes."""
    return [int(key) for key in keys]
