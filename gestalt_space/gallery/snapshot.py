"""What a match reads: a space's index beside the owners of its descriptors, as one state.

The index comes from the newest sound generation on disk and the database's changes since; where
there is none, from the database alone. So damage and crashes cost time and nothing else.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.contract import VectorIndex
from gestalt_space.index.exact import ExactIndex
from gestalt_space.index.generation import (
    Manifest,
    delete_generation,
    delete_others,
    foreign_files,
    load_generation,
    newest_first,
    save_generation,
)
from gestalt_space.ranking.aggregation import Centroids, measure_centroids
from gestalt_space.ranking.calibration import Calibration
from gestalt_space.ranking.grouping import Grouping, grouping
from gestalt_space.store import reads, tail, writes
from gestalt_space.store.calibrations import stored_calibration
from gestalt_space.store.engine import Database
from gestalt_space.store.people import (
    By,
    PatientFacts,
    PhotoFacts,
    Texts,
    families,
    family_numbers,
    memberships,
    patient_facts,
    photo_facts,
)
from gestalt_space.types import Descriptors, Ids

REWRITE_SHARE = 8
"""A new generation is written when more than one in this many descriptors is not in the old one."""


@dataclass(frozen=True)
class Lines:
    """What is ranked: the disorders, genes or patients of a gallery.

    `titles`: identifier and name of each, in the order of the identifiers; the numbers of
    `grouping.groups` are places in it, those of `grouping.patients` places in the snapshot's
    `patients`.
    """

    by: By
    titles: tuple[tuple[str, str], ...]
    grouping: Grouping

    def title(self, place: int) -> tuple[str, str]:
        """Identifier and name of the group at a place in `grouping.groups`."""
        return self.titles[int(self.grouping.groups[place])]


@dataclass(frozen=True)
class Snapshot:
    """The state that a match reads. Arrays of rows `(n,)` go with the columns of `index`.

    `patients`: identifiers, in their order, of those who have a descriptor; `patient_of_row`:
    places in it. `family` `(p,)`: the name of each one's family, an empty text where it is not
    known; `relatives`: patients who are no evidence, since they are of the family that the question
    names. `people` and `photos` are None where they were not asked for, `calibration` where
    none was fitted.
    """

    index: VectorIndex
    patients: tuple[str, ...]
    patient_of_row: NDArray[np.int64]
    lines: Lines
    family: Texts
    relatives: tuple[str, ...] = ()
    people: PatientFacts | None = None
    photos: PhotoFacts | None = None
    calibration: Calibration | None = None

    @cached_property
    def centroids(self) -> Centroids:
        """The lengths of the centroids of what is ranked."""
        return measure_centroids(self.index.descriptors, self.lines.grouping)

    def patient(self, identifier: str) -> int | None:
        """The place of a patient in `patients`; None without a descriptor in this space."""
        place = bisect_left(self.patients, identifier)
        found = place < len(self.patients) and self.patients[place] == identifier
        return place if found else None


def load_index(
    session: Session, space: reads.StoredSpace, folder: Path, *, from_database: bool = False
) -> VectorIndex:
    """A space's index as the database has it now; without a look at the disk if asked.

    In NumPy: a match compares its probe with every row by one matrix product, whichever index holds
    the rows, and starts sooner without the import of FAISS.
    """
    index = ExactIndex(space.dim)
    sequence = -1
    if not from_database and (sound := _newest_sound(session, space, folder)) is not None:
        _, manifest, ids, descriptors = sound
        sequence = manifest.sequence
        gone = np.isin(ids, tail.removed_after(session, space, sequence))
        if gone.any():
            ids, descriptors = ids[~gone], descriptors[~gone]
        index.add(ids, descriptors)
    added, descriptors = reads.descriptors_after(session, space, sequence)
    if len(added):
        index.add(added, descriptors)
    return index


def load_snapshot(
    session: Session,
    space: reads.StoredSpace,
    folder: Path,
    *,
    by: By = "disorder",
    details: bool = False,
    with_family: bool = False,
) -> Snapshot:
    """A space's index, its owners and what they are ranked by, as the database has them now.

    With `details`, what is known of patients and photos too. `with_family`: everybody is a family
    alone, so that relatives are evidence for each other.
    """
    index = load_index(session, space, folder)
    owners = reads.owners(session, space)
    key_of_row = _join(index.ids, owners.descriptor_ids, owners.patient_ids)
    keys, patients, patient_of_row = _by_identifier(key_of_row, reads.patient_names(session))
    pairs, titles = memberships(session, by)
    family = families(session, keys)
    numbers = None if with_family else family_numbers(family)
    return Snapshot(
        index=index,
        patients=patients,
        patient_of_row=patient_of_row,
        lines=_lines(by, pairs, titles, keys, patient_of_row, numbers),
        family=family,
        calibration=_calibration(session, space),
        people=patient_facts(session, keys) if details else None,
        photos=photo_facts(session, space, index.ids) if details else None,
    )


def refresh_generation(
    database: Database, space: reads.StoredSpace, folder: Path, *, rebuild: bool = False
) -> bool:
    """Write a generation where the one on disk lacks much, or has what was removed since; says
    whether it did.

    With `rebuild`, always, and from the database alone. Raises `OutputError`.
    """
    with database.reading() as session:
        sequence = reads.last_sequence(session)
        if not rebuild and (kept := _fresh_enough(session, space, folder)) is not None:
            delete_others(folder, space.fingerprint, keep=kept)
            return False
        index = load_index(session, space, folder, from_database=rebuild)
    path, digest = save_generation(folder, index, space=space.fingerprint, sequence=sequence)
    recorded = False
    try:
        with database.writing() as session:
            # What was removed meanwhile must not come back to the disk.
            if not len(tail.removed_after(session, space, sequence)):
                recorded = writes.record_generation(
                    session, space.id, sequence=sequence, digest=digest
                )
    finally:
        if not recorded:
            delete_generation(path)
    if recorded:
        delete_others(folder, space.fingerprint, keep=path)
    return recorded


def _fresh_enough(session: Session, space: reads.StoredSpace, folder: Path) -> Path | None:
    """The generation on disk, where it lacks little and has nothing that was removed since."""
    if (sound := _newest_sound(session, space, folder)) is None:
        return None
    path, manifest = sound[0], sound[1]
    if len(tail.removed_after(session, space, manifest.sequence)):
        return None
    behind = reads.count_changes_after(session, space, manifest.sequence)
    return path if behind * REWRITE_SHARE <= manifest.count else None


def check_generation(session: Session, space: reads.StoredSpace, folder: Path) -> str:
    """Hash the newest generation and compare it with the database; says what was found.

    Raises `IndexDamaged` where the file is not what was written, or differs from the database.
    """
    true = load_index(session, space, folder, from_database=True)
    digest = reads.generation_digest(session, space)
    paths = newest_first(folder, space.fingerprint)
    if digest is None or not paths:
        return "no generation on disk; it is built from the database when it is needed"
    manifest, _, _ = load_generation(paths[0], space=space.fingerprint, digest=digest, verify=True)
    if foreign := foreign_files(folder, space.fingerprint, keep=paths[0]):
        raise IndexDamaged(
            f"{foreign[0].name} was left by a process that was stopped, and may hold what was "
            "removed.",
            "Run `gestalt index rebuild`.",
        )
    kept = load_index(session, space, folder)
    order, true_order = np.argsort(kept.ids), np.argsort(true.ids)
    if not (
        np.array_equal(kept.ids[order], true.ids[true_order])
        and np.array_equal(kept.descriptors[order], true.descriptors[true_order])
    ):
        raise IndexDamaged(
            "The index on disk is not what the database says.", "Run `gestalt index rebuild`."
        )
    return f"generation {manifest.sequence}, {manifest.count} descriptors, sound"


def _newest_sound(
    session: Session, space: reads.StoredSpace, folder: Path
) -> tuple[Path, Manifest, Ids, Descriptors] | None:
    digest = reads.generation_digest(session, space)
    for path in newest_first(folder, space.fingerprint) if digest is not None else ():
        try:
            return path, *load_generation(path, space=space.fingerprint, digest=digest)
        except IndexDamaged:
            continue
    return None


def _join(ids: Ids, keys: Ids, values: Ids) -> Ids:
    """The value of each id by its key, `keys` ascending. Raises `IndexDamaged` for one without."""
    places = np.searchsorted(keys, ids)
    places[places == len(keys)] = 0
    if len(ids) and (not len(keys) or (keys[places] != ids).any()):
        raise IndexDamaged(
            "The index has a descriptor that the database does not have.",
            "Run `gestalt index rebuild`.",
        )
    return np.asarray(values[places] if len(ids) else [], dtype=np.int64)


def _calibration(session: Session, space: reads.StoredSpace) -> Calibration | None:
    stored = stored_calibration(session, space)
    return None if stored is None else Calibration.from_json(stored.document)


def _by_identifier(
    key_of_row: Ids, names: dict[int, str]
) -> tuple[list[int], tuple[str, ...], NDArray[np.int64]]:
    """Patients by identifier, their keys and identifiers; and the place of each row's patient."""
    present, place_of_row = np.unique(key_of_row, return_inverse=True)
    keys = sorted((int(key) for key in present), key=names.__getitem__)
    places = {key: place for place, key in enumerate(keys)}
    moved = np.array([places[int(key)] for key in present], dtype=np.int64)
    return keys, tuple(names[key] for key in keys), moved[place_of_row]


def _lines(
    by: By,
    pairs: Ids,
    titles: dict[int, tuple[str, str]],
    keys: Sequence[int],
    patient_of_row: NDArray[np.int64],
    family: NDArray[np.int64] | None,
) -> Lines:
    """What is ranked, of pairs of the keys of patients and groups; those without a row go."""
    patients = {key: place for place, key in enumerate(keys)}
    pairs = pairs[np.isin(pairs[:, 0], keys)]
    ranked = sorted((int(key) for key in np.unique(pairs[:, 1])), key=lambda key: titles[key][0])
    groups = {key: place for place, key in enumerate(ranked)}
    numbered = [(patients[int(patient)], groups[int(group)]) for patient, group in pairs]
    return Lines(
        by,
        tuple(titles[key] for key in ranked),
        grouping(
            np.arange(len(patient_of_row)),
            patient_of_row,
            np.array(numbered, dtype=np.int64).reshape(-1, 2),
            families=family,
        ),
    )
