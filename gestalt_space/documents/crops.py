"""`gestalt index crops`: crops outside the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from gestalt_space.documents.form import Form, filled
from gestalt_space.gallery.moving_crops import CheckedPlace, MovedCrops


class CropsMovedDocument(Form):
    """Crops that were moved. `place`: the URL of the folder or bucket, or `database`; `damaged`:
    photos, by name and patient, whose crop is missing or damaged, and was not moved."""

    document: Literal["crops-moved"]
    version: Literal[1]
    place: str
    moved: int
    damaged: list[str]


class CheckedPlaceForm(Form):
    """A place of crops, compared with the database. `is_shared`: whether the gallery that this one
    was restored from may use it; `missing`, `damaged`: photos, by name and patient; `deleted`:
    objects that belonged to nothing; `young`: objects that may be of a photo that is being added;
    `waiting`: objects of removed photos that are not deleted yet; `foreign`: files of others."""

    place: str
    is_shared: bool
    crops: int
    missing: list[str]
    damaged: list[str]
    deleted: int
    young: int
    waiting: int
    foreign: int


class CropsCheckedDocument(Form):
    """The places of crops, compared with the database."""

    document: Literal["crops-checked"]
    version: Literal[1]
    places: list[CheckedPlaceForm]


class CropsClaimedDocument(Form):
    """The places, by their URLs, that only this gallery uses from now on."""

    document: Literal["crops-claimed"]
    version: Literal[1]
    places: list[str]


def crops_moved_document(done: MovedCrops) -> CropsMovedDocument:
    """Crops that were moved."""
    return {
        "document": "crops-moved",
        "version": 1,
        "place": done.place,
        "moved": done.moved,
        "damaged": list(done.damaged),
    }


def crops_checked_document(places: Iterable[CheckedPlace]) -> CropsCheckedDocument:
    """The places of crops, compared with the database."""
    told = [filled(CheckedPlaceForm, one) for one in places]
    return {"document": "crops-checked", "version": 1, "places": told}


def crops_claimed_document(places: Sequence[str]) -> CropsClaimedDocument:
    """The places that only this gallery uses from now on."""
    return {"document": "crops-claimed", "version": 1, "places": list(places)}
