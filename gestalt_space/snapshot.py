"""What a match reads: a space's index beside the owners of its descriptors, as one state.

The index comes from the newest sound generation on disk and the database's changes since; where
there is none, from the database alone. So damage and crashes cost time and nothing else.
"""

from __future__ import annotations

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
from gestalt_space.ranking.nearest import Membership, membership
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.types import Descriptors, Ids

REWRITE_SHARE = 8
"""A new generation is written when more than one in this many descriptors is not in the old one."""


@dataclass(frozen=True)
class Snapshot:
    """The state that a match reads. Arrays of rows `(n,)` go with the columns of `index`.

    `patient_of_row`: keys of patients. `disorders`: identifier and name of each group of
    `members`, in the order of the identifiers.
    """

    index: VectorIndex
    patient_of_row: Ids
    members: Membership
    disorders: tuple[tuple[str, str], ...]
    patients: dict[int, str]

    @cached_property
    def patient_order(self) -> NDArray[np.int64]:
        """`(n,)`: the place of each row's patient among the patients by identifier."""
        names = np.array([self.patients[int(key)] for key in self.patient_of_row])
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def patient_count(self) -> int:
        """How many patients have a descriptor in this space."""
        return len(np.unique(self.patient_of_row))


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
        gone = np.isin(ids, reads.removals_after(session, space, sequence))
        if gone.any():
            ids, descriptors = ids[~gone], descriptors[~gone]
        index.add(ids, descriptors)
    added, descriptors = reads.descriptors_after(session, space, sequence)
    if len(added):
        index.add(added, descriptors)
    return index


def load_snapshot(session: Session, space: reads.StoredSpace, folder: Path) -> Snapshot:
    """A space's index and owners, both as the database has them now."""
    index = load_index(session, space, folder)
    owners = reads.owners(session, space)
    patient_of_row = _join(index.ids, owners.descriptor_ids, owners.patient_ids)
    names = reads.disorder_names(session)
    members, keys = _disorder_members(patient_of_row, owners.diagnoses, names)
    return Snapshot(
        index=index,
        patient_of_row=patient_of_row,
        members=members,
        disorders=tuple(names[key] for key in keys),
        patients=reads.patient_names(session),
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
            if not len(reads.removals_after(session, space, sequence)):
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
    if len(reads.removals_after(session, space, manifest.sequence)):
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


def _disorder_members(
    patient_of_row: Ids, diagnoses: NDArray[np.int64], names: dict[int, tuple[str, str]]
) -> tuple[Membership, list[int]]:
    """The rows of each disorder, and the disorders' keys by identifier."""
    order = np.argsort(patient_of_row, kind="stable")
    ordered = patient_of_row[order]
    first = np.searchsorted(ordered, diagnoses[:, 0], side="left")
    stop = np.searchsorted(ordered, diagnoses[:, 0], side="right")
    runs = stop - first
    rows = order[_ranges(first, runs)]
    disorder_of_row = np.repeat(diagnoses[:, 1], runs)
    keys = sorted((int(key) for key in np.unique(disorder_of_row)), key=lambda key: names[key][0])
    group_of = {key: group for group, key in enumerate(keys)}
    groups = np.array([group_of[int(key)] for key in disorder_of_row], dtype=np.int64)
    return membership(rows.astype(np.int64), groups, len(keys)), keys


def _ranges(first: NDArray[np.int64], runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers first[i] … first[i] + runs[i] - 1 of every i, one after the other."""
    ends = np.cumsum(runs)
    offsets = np.repeat(first - (ends - runs), runs)
    return np.asarray(np.arange(ends[-1] if len(ends) else 0) + offsets, dtype=np.int64)
