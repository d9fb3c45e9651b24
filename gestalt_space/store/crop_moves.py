"""Crops that are moved between the database and places outside it, and what the database has of a
place, to be compared with what is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.crops import faces_with_crop, object_row
from gestalt_space.types import CropObject


@dataclass(frozen=True, slots=True)
class KnownPlace:
    """A place that has crops of this gallery, by its URL. See `tables.CropPlace`."""

    id: int
    url: str
    is_shared: bool
    crops: int
    waiting: int
    """Objects that are to be deleted."""


@dataclass(frozen=True, slots=True)
class KnownObject:
    """An object by its row; `face`: the key of the face whose crop it is, None for one that is to
    be deleted."""

    face: int | None
    object: CropObject


def known_places(session: Session) -> list[KnownPlace]:
    """The places of this gallery, the first made first."""
    counts = sa.select(
        t.CropObject.place_id,
        sa.func.count(t.CropObject.face_id),
        sa.func.count() - sa.func.count(t.CropObject.face_id),
    ).group_by(t.CropObject.place_id)
    found = {place: (kept, left) for place, kept, left in session.execute(counts)}
    rows = session.scalars(sa.select(t.CropPlace).order_by(t.CropPlace.id))
    return [KnownPlace(row.id, row.url, row.is_shared, *found.get(row.id, (0, 0))) for row in rows]


def share_places(session: Session) -> None:
    """Note that another gallery may have the same places: this one is a copy of it."""
    session.execute(sa.update(t.CropPlace).values(is_shared=True))


def claim_places(session: Session) -> list[str]:
    """Note that no other gallery has the places any more; which were shared."""
    shared = sa.select(t.CropPlace.url).where(t.CropPlace.is_shared).order_by(t.CropPlace.id)
    found = list(session.scalars(shared))
    session.execute(sa.update(t.CropPlace).values(is_shared=False))
    return found


def count_to_move(session: Session, place: str | None, key_id: str) -> int:
    """How many crops are not where they are to be; see `faces_to_move`."""
    wanted = _to_move(place, key_id).subquery()
    return session.scalars(sa.select(sa.func.count()).select_from(wanted)).one()


def faces_to_move(
    session: Session, place: str | None, key_id: str, after: int, most: int
) -> list[int]:
    """The next faces, after one by its key, whose crops are not in a place, encrypted with a key;
    without a place, not in the database."""
    wanted = _to_move(place, key_id).subquery()
    query = sa.select(wanted.c.face_id).where(wanted.c.face_id > after)
    return list(session.scalars(query.order_by(wanted.c.face_id).limit(most)))


def take_inside(session: Session, crops: Mapping[int, bytes]) -> int:
    """Put crops into the database, by the keys of their faces, in the place of objects; how many
    faces were still there."""
    there = faces_with_crop(session, crops)
    _let_go(session, there)
    rows = [{"face_id": face, "png": crops[face]} for face in sorted(there)]
    if rows:
        session.execute(sa.insert(t.Crop), rows)
    _note(session)
    return len(rows)


def take_outside(session: Session, objects: Mapping[int, CropObject]) -> int:
    """Let crops be these objects, by the keys of their faces, in the place of what they were; how
    many faces were still there."""
    there = faces_with_crop(session, objects)
    _let_go(session, there)
    for some in chunks(there):
        session.execute(sa.delete(t.Crop).where(t.Crop.face_id.in_(some)))
    session.add_all(object_row(session, objects[face], face) for face in sorted(there))
    _note(session)
    return len(there)


def known_objects(session: Session, place: int, shard: str) -> dict[str, KnownObject]:
    """The objects of a place whose names begin with two digits, or all, by their names."""
    row = t.CropObject
    rows = session.execute(
        sa.select(row.face_id, t.CropPlace.url, row.name, row.key_id, row.bytes, row.sha256)
        .join(t.CropPlace, t.CropPlace.id == row.place_id)
        .where(row.place_id == place, *_of_shard(shard))
    )
    return {
        name: KnownObject(face, CropObject(url, name, key_id, size, sha256))
        for face, url, name, key_id, size, sha256 in rows
    }


def named_objects(session: Session, names: Collection[str]) -> set[str]:
    """Those of some names that a row has."""
    found: set[str] = set()
    for some in chunks(names):
        found |= set(
            session.scalars(sa.select(t.CropObject.name).where(t.CropObject.name.in_(some)))
        )
    return found


def _of_shard(shard: str) -> tuple[sa.ColumnElement[bool], ...]:
    """A range, since LIKE looks through all; the digit 0 comes after the slash."""
    name = t.CropObject.name
    return (name > f"{shard}/", name < f"{shard}0") if shard else ()


def _to_move(place: str | None, key_id: str) -> sa.SelectBase:
    row = t.CropObject
    outside = sa.select(row.face_id).where(row.face_id.is_not(None))
    if place is None:
        return outside
    known = sa.select(t.CropPlace.id).where(t.CropPlace.url == place).scalar_subquery()
    elsewhere = outside.where(sa.or_(row.place_id != known, row.key_id != key_id))
    return sa.union_all(sa.select(t.Crop.face_id), elsewhere)


def _let_go(session: Session, faces: Collection[int]) -> None:
    """Let the objects of faces be deleted; those of a shared place stay where they are."""
    row = t.CropObject
    shared = sa.select(t.CropPlace.id).where(t.CropPlace.is_shared)
    for some in chunks(faces):
        of = row.face_id.in_(some)
        session.execute(sa.delete(row).where(of, row.place_id.in_(shared)))
        session.execute(sa.update(row).where(of).values(face_id=None))


def _note(session: Session) -> None:
    """Note that the write-ahead log has what was taken out."""
    sequence = session.scalars(sa.select(t.Change.sequence)).one()
    session.add(t.Purge(sequence=sequence, home_id=None))
