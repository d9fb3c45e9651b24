"""The names of what is shown, from the database, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from gestalt_space.errors import GalleryChanged
from gestalt_space.store.lookups import patient_names_of, photo_names_of, titles_of
from gestalt_space.store.people import By

T = TypeVar("T")


@dataclass(frozen=True)
class NamesByKey:
    """Titles, patients' identifiers and photos' names by their keys, as `Names` gives them."""

    titles: Mapping[int, tuple[str, str]]
    patients: Mapping[int, str]
    photos: Mapping[int, str]


class Names:
    """Identifiers of patients, titles of what is ranked `by`, and names of photos, by their keys.

    Asking for a key that nobody has any more raises `GalleryChanged`.
    """

    def __init__(self, session: Session, by: By) -> None:
        self._session = session
        self._by = by
        self._titles: dict[int, tuple[str, str]] = {}
        self._patients: dict[int, str] = {}
        self._photos: dict[int, str] = {}

    def titles(self, keys: Iterable[int]) -> Mapping[int, tuple[str, str]]:
        """Identifier and name of groups."""
        return _known(self._titles, keys, lambda new: titles_of(self._session, self._by, new))

    def patients(self, keys: Iterable[int]) -> Mapping[int, str]:
        """Identifiers of patients."""
        return _known(self._patients, keys, lambda new: patient_names_of(self._session, new))

    def photos(self, descriptors: Iterable[int]) -> Mapping[int, str]:
        """Names of the photos of descriptors."""
        return _known(self._photos, descriptors, lambda new: photo_names_of(self._session, new))


def _known(
    known: dict[int, T], keys: Iterable[int], find: Callable[[list[int]], dict[int, T]]
) -> Mapping[int, T]:
    new = sorted({*keys}.difference(known))
    if new:
        known.update(find(new))
        if any(key not in known for key in new):
            raise GalleryChanged(
                "Patients were removed while the gallery was searched.",
                "Run the same command again.",
            )
    return known
