"""A whole gallery in one space, with the names of everybody: what studies read, and rankings that
need most photos anyway."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.descriptors import unsound
from gestalt_space.errors import GalleryChanged
from gestalt_space.gallery.people import KINDS
from gestalt_space.gallery.state import GalleryState
from gestalt_space.ranking.calibration import Calibration
from gestalt_space.ranking.grouping import Grouping, Numbers, grouping
from gestalt_space.store import reads
from gestalt_space.store.lookups import titles_of
from gestalt_space.store.people import (
    By,
    PatientFacts,
    PhotoFacts,
    families,
    family_numbers,
    patient_facts,
    photo_facts,
)
from gestalt_space.types import Descriptors


@dataclass(frozen=True)
class RankedGroups:
    """What is ranked: the disorders, genes or patients of a gallery.

    `titles`: identifier and name of each, in the order of the identifiers; `keys` `(g,)`: theirs in
    the database. The numbers of `grouping.groups` are places in both, those of `grouping.patients`
    places in the snapshot's `patients`, those of `grouping.rows` in its rows.
    """

    by: By
    titles: tuple[tuple[str, str], ...]
    keys: Numbers
    grouping: Grouping

    def title(self, place: int) -> tuple[str, str]:
        """Identifier and name of the group at a place in `grouping.groups`."""
        return self.titles[int(self.grouping.groups[place])]


@dataclass(frozen=True)
class Belongings:
    """The identifiers of the `disorders` and `genes` that patients have, `(p,)` each, ascending.
    `names`: of disorders, by identifier."""

    disorders: tuple[tuple[str, ...], ...]
    genes: tuple[tuple[str, ...], ...]
    names: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """A gallery's photos, each `(n,)` or `(n, d)`, and its patients, each `(p,)`.

    `rows`: of each photo in the `state`; `patients`: identifiers, in their order, of those who have
    a descriptor, and their `keys`; `patient_of_row`: places in both. `people`, `photos` and
    `belongings` are None where they were not asked for.
    """

    state: GalleryState
    rows: Numbers
    patients: tuple[str, ...]
    keys: Numbers
    patient_of_row: NDArray[np.int64]
    lines: RankedGroups
    people: PatientFacts | None = None
    photos: PhotoFacts | None = None
    belongings: Belongings | None = None

    @property
    def ids(self) -> Numbers:
        """`(n,)`: the descriptors' keys in the database."""
        return self.state.ids[self.rows]

    @property
    def descriptors(self) -> Descriptors:
        """`(n, d)`: the descriptors, copied from the index.

        Raises `GalleryChanged` where one was removed since.
        """
        vectors = self.state.vectors_at(self.rows)
        if unsound(vectors).any():  # overwritten by whoever removed it
            raise gallery_changed()
        return vectors

    @property
    def calibration(self) -> Calibration | None:
        """None where none was fitted."""
        return self.state.calibration

    def __len__(self) -> int:
        """How many photos there are."""
        return len(self.rows)

    def patient(self, identifier: str) -> int | None:
        """The place of a patient in `patients`; None without a descriptor in this space."""
        place = bisect_left(self.patients, identifier)
        found = place < len(self.patients) and self.patients[place] == identifier
        return place if found else None


def load_snapshot(
    session: Session,
    state: GalleryState,
    *,
    by: By = "disorder",
    details: bool = False,
    with_family: bool = False,
) -> Snapshot:
    """A state with its names. With `details`, what is known of patients and photos too.
    `with_family`: everybody is a family alone, so that relatives are evidence for each other.

    Raises `GalleryChanged` where somebody was removed since.
    """
    rows = np.flatnonzero(state.patients >= 0)
    keys, patients, patient_of_row = _by_identifier(
        state.patients[rows], reads.patient_names(session)
    )
    family = None
    if not with_family:
        family = family_numbers(families(session, keys))
    ids = state.ids[rows]
    try:
        return Snapshot(
            state=state,
            rows=rows,
            patients=patients,
            keys=np.array(keys, dtype=np.int64),
            patient_of_row=patient_of_row,
            lines=_lines(session, state, by, keys, patient_of_row, family),
            people=patient_facts(session, keys) if details else None,
            photos=photo_facts(session, state.space, ids) if details else None,
            belongings=_belongings(session, state, keys) if details else None,
        )
    except KeyError as error:
        raise gallery_changed() from error


def gallery_changed() -> GalleryChanged:
    """That somebody or something was removed while it was read."""
    return GalleryChanged(
        "Patients were removed while the gallery was read.", "Run the same command again."
    )


def _by_identifier(
    key_of_row: Numbers, names: dict[int, str]
) -> tuple[list[int], tuple[str, ...], NDArray[np.int64]]:
    """Patients by identifier, their keys and identifiers; and the place of each row's patient."""
    present, place_of_row = np.unique(key_of_row, return_inverse=True)
    try:
        keys = sorted((int(key) for key in present), key=names.__getitem__)
    except KeyError as error:
        raise gallery_changed() from error
    places = {key: place for place, key in enumerate(keys)}
    moved = np.array([places[int(key)] for key in present], dtype=np.int64)
    return keys, tuple(names[key] for key in keys), moved[place_of_row]


def _belongings(session: Session, state: GalleryState, keys: Sequence[int]) -> Belongings:
    found = []
    names: dict[str, str] = {}
    for kind in KINDS:
        which, groups = state.people.groups_of(kind, np.array(keys, dtype=np.int64))
        titles = titles_of(session, kind, np.unique(groups))
        ids: list[list[str]] = [[] for _ in keys]
        for place, group in zip(which.tolist(), groups.tolist(), strict=True):
            ids[place].append(titles[group][0])
        found.append(tuple(tuple(sorted(one)) for one in ids))
        if kind == "disorder":
            names.update(titles.values())
    return Belongings(found[0], found[1], names)


def _lines(
    session: Session,
    state: GalleryState,
    by: By,
    keys: Sequence[int],
    patient_of_row: NDArray[np.int64],
    family: NDArray[np.int64] | None,
) -> RankedGroups:
    """What is ranked; groups without a patient who has a row are none."""
    patients, groups = state.people.pairs(by)
    order = np.argsort(keys)
    known = np.isin(patients, keys)
    places = order[np.searchsorted(keys, patients[known], sorter=order)]
    present = np.unique(groups[known])
    titles = titles_of(session, by, present)
    ranked = np.array(sorted(present.tolist(), key=lambda key: titles[key][0]), dtype=np.int64)
    by_key = np.argsort(ranked)
    numbers = by_key[np.searchsorted(ranked, groups[known], sorter=by_key)]
    return RankedGroups(
        by,
        tuple(titles[int(key)] for key in ranked),
        ranked,
        grouping(
            np.arange(len(patient_of_row)),
            patient_of_row,
            np.stack([places, numbers], axis=1).reshape(-1, 2),
            families=family,
        ),
    )
