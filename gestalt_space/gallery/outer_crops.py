"""Crops on their way out of the database, and objects whose faces are gone: written before their
rows are, and deleted after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gestalt_space.errors import CropStoreError
from gestalt_space.paths import display_name
from gestalt_space.store import crops
from gestalt_space.store.engine import Database
from gestalt_space.store.writes import NewPhoto
from gestalt_space.types import CropObject

DELETED_AT_ONCE = 500


def new_crop_place(database: Database) -> str | None:
    """Where new crops go, made where there is no such place yet: its URL, None for the database.

    Raises `CropStoreError`.
    """
    outside = database.crops
    if outside is None or outside.base is None:
        return None
    with database.reading() as session:
        found = crops.place_to_write(session, outside.base)
    if found is not None:
        return found
    with database.writing() as session:
        return crops.crop_place(session)


def write_crops(
    database: Database, photos: Sequence[NewPhoto]
) -> tuple[list[NewPhoto], list[CropObject]]:
    """Photos whose crops are written where new ones go, and what was written; outside a
    transaction, which others would wait for. Raises `CropStoreError`."""
    place = new_crop_place(database)
    outside = database.crops
    if place is None or outside is None:
        return list(photos), []
    made, found = [], list(photos)
    places, pngs = [], []
    for number, photo in enumerate(photos):
        if photo.encoded is not None and isinstance(photo.encoded.crop, bytes):
            places.append(number)
            pngs.append(photo.encoded.crop)
    made = outside.put(place, pngs)
    for number, one in zip(places, made, strict=True):
        encoded = found[number].encoded
        assert encoded is not None, "it has a crop"  # noqa: S101
        found[number] = replace(found[number], encoded=replace(encoded, crop=one))
    return found, made


def has_left(database: Database) -> bool:
    """Whether objects are still to be deleted."""
    with database.reading() as session:
        return bool(crops.left_objects(session, 1))


def delete_left(database: Database) -> int:
    """Delete the objects whose faces are gone, and see that they are; how many there were.

    Raises `CropStoreError` where that cannot be done now; it is remembered.
    """
    count = 0
    while True:
        with database.reading() as session:
            left = crops.left_objects(session, DELETED_AT_ONCE)
            shared = crops.shared_places(session)
        if not left:
            return count
        if kept := sorted({one.place for one in left.values()} & shared):
            raise _shared(kept[0])
        assert database.crops is not None, "who deletes opens them"  # noqa: S101
        try:
            database.crops.delete(left.values())
        except CropStoreError as error:
            later = "When that is settled, `gestalt index crops check` deletes them."
            raise CropStoreError(error.message, f"{error.hint} {later}") from error
        with database.writing() as session:
            crops.forget_objects(session, left)
        count += len(left)


def _shared(place: str) -> CropStoreError:
    return CropStoreError(
        f"The crops in {display_name(place)} were not deleted: the gallery that this one was "
        "restored from may still use them.",
        "If that gallery is gone, run `gestalt index crops claim`. If not, run `gestalt index "
        "crops move` here, so that each has its own.",
    )
