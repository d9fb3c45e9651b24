"""The crops of faces, in the database or outside it: which there are, reading and keeping them.

A crop is a row of `crop`, or an object whose name is in a row of `crop_object`. When the face of
such a row goes, the row stays without one until the object is deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import CropStoreError
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.types import CropObject

_OUTSIDE, _PUT = "gestalt_crops", "gestalt_crops_put"


class CropObjects(Protocol):
    """Crops outside the database, as `crops.crop_store` has them."""

    base: str | None

    @property
    def has_key(self) -> bool:
        """Whether there is a key, whichever it is."""
        ...

    def require_key(self, key_id: str) -> None:
        """Raise `CropStoreError` where the key of crops is not at hand."""
        ...

    def new_place(self, base: str) -> str:
        """Make a place of this gallery's own under a URL; returns its URL."""
        ...

    def put(self, place: str, pngs: Sequence[bytes]) -> list[CropObject]:
        """Write crops; what each became."""
        ...

    def get(self, objects: Collection[CropObject]) -> dict[CropObject, bytes]:
        """The crops that objects are; empty bytes for one that is missing or damaged."""
        ...

    def delete(self, objects: Collection[CropObject]) -> None:
        """Delete objects, and see that they are gone."""
        ...

    def seal(self, png: bytes, label: str) -> bytes:
        """A crop, encrypted."""
        ...

    def unseal(self, data: bytes, label: str) -> bytes:
        """What `seal` made; empty bytes for what is damaged."""
        ...


def crops_info(outside: CropObjects | None, put: Collection[CropObject]) -> dict[str, Any]:
    """What a session is given to know of crops outside the database. `put`: that were written for
    it."""
    return {_OUTSIDE: outside, _PUT: list(put)}


def outside_of(session: Session) -> CropObjects:
    """The crops outside the database of a session. Raises `CropStoreError` where it was opened
    without."""
    found: CropObjects | None = session.info.get(_OUTSIDE)
    if found is None:
        raise CropStoreError("The database was opened without its crops.", "Open the gallery.")
    return found


def has_crop(face: Any) -> sa.ColumnElement[bool]:
    """That a face, by the column of its key, has a crop."""
    kept = (t.Crop.face_id, t.CropObject.face_id)
    return sa.or_(*(sa.select(sa.literal(1)).where(one == face).exists() for one in kept))


def count_crops(session: Session) -> int:
    """How many faces have one."""
    outside = sa.select(sa.func.count(t.CropObject.face_id))
    inside = sa.select(sa.func.count()).select_from(t.Crop)
    return session.scalars(inside).one() + session.scalars(outside).one()


def faces_with_crop(session: Session, faces: Collection[int]) -> set[int]:
    """Those of some faces that have one."""
    found: set[int] = set()
    for some in chunks(faces):
        wanted = sa.select(t.Face.id).where(t.Face.id.in_(some), has_crop(t.Face.id))
        found |= set(session.scalars(wanted))
    return found


def crops_of(session: Session, faces: Collection[int], *, outside: bool = True) -> dict[int, bytes]:
    """The kept crops of faces, as PNG; empty bytes for one that is missing or damaged outside the
    database. Without `outside`, only those in it. Raises `CropStoreError`."""
    found: dict[int, bytes] = {}
    for some in chunks(faces):
        inside = sa.select(t.Crop.face_id, t.Crop.png).where(t.Crop.face_id.in_(some))
        found.update(session.execute(inside).all())
        if outside and (objects := objects_of(session, some)):
            read = outside_of(session).get(objects.values())
            found |= {face: read[one] for face, one in objects.items()}
    return found


def objects_of(session: Session, faces: Collection[int]) -> dict[int, CropObject]:
    """The crops of faces that are outside the database."""
    found: dict[int, CropObject] = {}
    for some in chunks(faces):
        rows = session.execute(_objects(t.CropObject.face_id).where(t.CropObject.face_id.in_(some)))
        found.update((face, CropObject(*told)) for face, *told in rows)
    return found


def keep_crops(session: Session, crops: Mapping[int, bytes]) -> None:
    """Keep crops of faces that have none, as PNG by the faces' keys: where the settings say.

    Raises `CropStoreError`.
    """
    place = crop_place(session) if crops else None
    if place is None:
        rows = [{"face_id": face, "png": png} for face, png in crops.items()]
        if rows:
            session.execute(sa.insert(t.Crop), rows)
        return
    made = outside_of(session).put(place, list(crops.values()))
    session.info[_PUT] += made
    for face, one in zip(crops, made, strict=True):
        session.add(object_row(session, one, face))


def object_row(session: Session, one: CropObject, face: int | None = None) -> t.CropObject:
    """The row of an object that was written, of a place that the database knows."""
    place = session.scalars(sa.select(t.CropPlace.id).where(t.CropPlace.url == one.place)).one()
    return t.CropObject(
        place_id=place,
        face_id=face,
        name=one.name,
        key_id=one.key_id,
        bytes=one.bytes,
        sha256=one.sha256,
    )


def crop_place(session: Session) -> str | None:
    """Where new crops go, made where there is no such place yet: its URL, None for the database.

    Raises `CropStoreError`.
    """
    outside: CropObjects | None = session.info.get(_OUTSIDE)
    if outside is None or outside.base is None:
        return None
    found = place_to_write(session, outside.base)
    if found is None:
        found = outside.new_place(outside.base)
        session.add(t.CropPlace(url=found))
        session.flush()
    return found


def place_to_write(session: Session, base: str) -> str | None:
    """The place of this gallery under a URL, by its own URL; None where there is none, or another
    gallery may have it as well.

    Raises `CropStoreError` where its crops were encrypted with a key that is not at hand: new ones
    would be encrypted with another, and who throws either away loses crops.
    """
    found = _own_place(session, base)
    outside = outside_of(session)
    if not outside.has_key:
        # Whose crops they are, wherever they lie: nobody shall make a new key for them.
        last = newest_object(session)
    else:
        last = None if found is None else newest_object(session, found)
    if last is not None:
        outside.require_key(last.key_id)
    return found


def newest_object(session: Session, place: str | None = None) -> CropObject | None:
    """The crop that was written last to a place, by its URL, or to any; None where there is
    none."""
    query = _objects(t.CropObject.id).where(t.CropObject.face_id.is_not(None))
    if place is not None:
        query = query.where(t.CropPlace.url == place)
    found = session.execute(query.order_by(t.CropObject.id.desc()).limit(1)).first()
    return None if found is None else CropObject(*found[1:])


def _own_place(session: Session, base: str) -> str | None:
    places = session.scalars(
        sa.select(t.CropPlace.url).where(~t.CropPlace.is_shared).order_by(t.CropPlace.id)
    )
    return next((url for url in places if url.rpartition("/")[0] == base), None)


def unnamed(session: Session, put: Sequence[CropObject]) -> list[CropObject]:
    """Of objects that were written, those that no row names."""
    named: set[str] = set()
    for some in chunks([one.name for one in put]):
        named |= set(
            session.scalars(sa.select(t.CropObject.name).where(t.CropObject.name.in_(some)))
        )
    return [one for one in put if one.name not in named]


def put_for(session: Session) -> list[CropObject]:
    """The objects that were written for a session."""
    found: list[CropObject] = session.info[_PUT]
    return found


def left_objects(session: Session, most: int) -> dict[int, CropObject]:
    """Objects whose faces are gone, and that are to be deleted, by the keys of their rows."""
    query = _objects(t.CropObject.id).where(t.CropObject.face_id.is_(None))
    rows = session.execute(query.order_by(t.CropObject.id).limit(most))
    return {key: CropObject(*told) for key, *told in rows}


def forget_objects(session: Session, rows: Collection[int]) -> None:
    """Delete the rows of objects that are gone, by their keys."""
    for some in chunks(rows):
        gone = sa.and_(t.CropObject.id.in_(some), t.CropObject.face_id.is_(None))
        session.execute(sa.delete(t.CropObject).where(gone))


def shared_places(session: Session) -> frozenset[str]:
    """The places that another gallery may have as well, by their URLs."""
    return frozenset(session.scalars(sa.select(t.CropPlace.url).where(t.CropPlace.is_shared)))


def _objects(key: Any) -> sa.Select[Any]:
    row = t.CropObject
    return sa.select(key, t.CropPlace.url, row.name, row.key_id, row.bytes, row.sha256).join(
        t.CropPlace, t.CropPlace.id == row.place_id
    )
