"""What changed after a number: what a reader that holds everything up to there has to read more.

All of one session, which sees one state of the database. Rows in, arrays out; names are in
`lookups`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.columns import Key
from gestalt_space.store.reads import StoredSpace, damaged_descriptor, integers
from gestalt_space.types import Descriptors, Ids

FETCHED = 4096
"""Rows that are taken from the database at once."""

Ages = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DatabasePosition:
    """Where the database stands, and with it whether what a reader holds is still true.

    `sequence`: of the last change; `epoch`: how often something was removed or replaced.
    `default_space`: the key of the space that the gallery works in. Of the space asked about:
    `digest` of the index on disk of the home, `indexed` the last change in it, `calibrated` the
    last change that the calibration knows; None where there is none.
    """

    sequence: int
    epoch: int
    default_space: int | None
    digest: str | None
    indexed: int | None
    calibrated: int | None


@dataclass(frozen=True, slots=True)
class NewRows:
    """Descriptors of a space. `ids` `(n,)`, ascending; `patients` `(n,)`: their keys; `ages` `(n,)`
    in years, NaN where not known; `sites` `(n,)`, an empty text where not known; `vectors`
    `(n, d)` float32."""

    ids: Ids
    patients: Ids
    ages: Ages
    sites: tuple[str, ...]
    vectors: Descriptors


@dataclass(frozen=True, slots=True)
class PhotoRows:
    """Ages and sites of the photos of descriptors, as in `NewRows`."""

    ids: Ids
    ages: Ages
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeopleRows:
    """What a match reads of patients. `keys` `(p,)`, ascending; the texts `(p,)`, empty where not
    known; `disorders` and `genes` `(m, 2)`: pairs of the keys of a patient and of a disorder or
    gene, ascending."""

    keys: Ids
    sex: tuple[str, ...]
    ancestry: tuple[str, ...]
    cohort: tuple[str, ...]
    consent: tuple[str, ...]
    family: tuple[str, ...]
    disorders: Ids
    genes: Ids


def _mark_query() -> sa.Select[Any]:
    """One question: asked before every answer."""
    space = sa.bindparam("space", type_=Key)
    home = sa.bindparam("home", type_=sa.String)
    default = sa.select(t.Space.id).where(t.Space.is_default).order_by(t.Space.id).limit(1)
    here = sa.and_(t.Generation.space_id == space, t.Generation.home_id == home)
    of_space: tuple[tuple[Any, Any], ...] = (
        (t.Generation.digest, here),
        (t.Generation.sequence, here),
        (t.Calibration.sequence, t.Calibration.space_id == space),
    )
    return sa.select(
        t.Change.sequence,
        t.Change.epoch,
        default.scalar_subquery(),
        *(sa.select(what).where(which).scalar_subquery() for what, which in of_space),
    )


_MARK = _mark_query()


def read_mark(session: Session, space_id: int | None, home: str | None = None) -> DatabasePosition:
    """Where the database stands, by one question; None: of no space, of no index on disk."""
    return DatabasePosition(*session.execute(_MARK, {"space": space_id, "home": home}).one())


def read_epoch(session: Session) -> int:
    """How often something was removed or replaced."""
    return session.scalars(sa.select(t.Change.epoch)).one()


def rows_after(session: Session, space: StoredSpace, sequence: int) -> NewRows:
    """The descriptors of a space that were added after a change. Raises `DatabaseError` for one
    that is damaged."""
    return _rows(session, space, sequence, ids_after(session, space, sequence))


def row_blocks(
    session: Session, space: StoredSpace, sequence: int, size: int = 65_536
) -> Iterator[NewRows]:
    """The same in blocks of at most so many rows, in the order of their ids."""
    ids = ids_after(session, space, sequence)
    for start in range(0, len(ids), size):
        yield _rows(session, space, sequence, ids[start : start + size])


def vectors_of(session: Session, space: StoredSpace, ids: Ids) -> tuple[Ids, Descriptors]:
    """The descriptors of some ids `(m,)`, ascending, and these ids; those that are not there, or
    of another space, are passed over. Raises `DatabaseError` for one that is damaged."""
    found: list[tuple[int, bytes]] = []
    for some in chunks([int(key) for key in np.unique(ids)]):
        rows = session.execute(
            sa.select(t.Descriptor.id, t.Descriptor.vector).where(
                t.Descriptor.id.in_(some), _unindexed(t.Descriptor.space_id) == space.id
            )
        )
        found += [(key, vector) for key, vector in rows]
    if any(len(vector) != 4 * space.dim for _, vector in found):
        raise damaged_descriptor(session, space)
    found.sort(key=lambda row: row[0])
    joined = b"".join(vector for _, vector in found)
    return (
        np.array([key for key, _ in found], dtype=np.int64),
        np.frombuffer(joined, "<f4").reshape(len(found), space.dim),
    )


def removed_after(session: Session, space: StoredSpace, sequence: int) -> Ids:
    """The ids of the descriptors of a space that were removed after a change, `(n,)`."""
    rows = session.scalars(
        sa.select(t.Removal.descriptor_id).where(
            t.Removal.space_id == space.id, t.Removal.sequence > sequence
        )
    )
    return np.fromiter(rows, dtype=np.int64)


def count_waiting(session: Session, space: StoredSpace, sequence: int) -> tuple[int, int, int]:
    """How much came after a change: descriptors of a space, patients, and photos whose age or site
    was corrected or that are new."""
    of = (
        sa.select(sa.func.count())
        .select_from(t.Descriptor)
        .where(t.Descriptor.space_id == space.id, t.Descriptor.sequence > sequence),
        sa.select(sa.func.count()).select_from(t.Patient).where(t.Patient.sequence > sequence),
        sa.select(sa.func.count()).select_from(t.Photo).where(t.Photo.sequence > sequence),
    )
    rows, patients, photos = (session.scalar(query) or 0 for query in of)
    return rows, patients, photos


def count_patients(session: Session, *, until: int) -> int:
    """How many patients there are whose keys are not above one."""
    query = sa.select(sa.func.count()).select_from(t.Patient).where(t.Patient.id <= until)
    return session.scalar(query) or 0


def patients_after(session: Session, sequence: int, *, until: int) -> Ids:
    """The keys, none above one, of patients of whom something changed after a change, `(n,)`."""
    query = sa.select(t.Patient.id).where(t.Patient.sequence > sequence, t.Patient.id <= until)
    return np.fromiter(session.scalars(query), dtype=np.int64)


def existing_patients(session: Session, keys: Ids) -> Ids:
    """Those of some patients, by their keys, who are in the gallery."""
    found: list[int] = []
    for some in chunks([int(key) for key in np.unique(keys)]):
        found += session.scalars(sa.select(t.Patient.id).where(t.Patient.id.in_(some)))
    return np.array(sorted(found), dtype=np.int64)


def corrected_photos_after(session: Session, space: StoredSpace, sequence: int) -> PhotoRows:
    """Photos whose age or site changed after a change, and whose descriptor is not newer."""
    theirs = sa.and_(
        t.Descriptor.face_id == t.Face.id,
        t.Descriptor.space_id == space.id,
        _unindexed(t.Descriptor.sequence) <= sequence,
    )
    # By an outer join, since the database would else begin with all descriptors of the space.
    query = (
        sa.select(t.Descriptor.id, t.Photo.age, t.Photo.site)
        .select_from(t.Photo)
        .join(t.Face, t.Face.photo_id == t.Photo.id)
        .outerjoin(t.Descriptor, theirs)
        .where(t.Photo.sequence > sequence)
    )
    found = session.execute(query.execution_options(yield_per=FETCHED))
    rows = sorted((row for row in found if row[0] is not None), key=lambda row: row[0])
    return PhotoRows(
        np.array([key for key, _, _ in rows], dtype=np.int64),
        np.array([_age(age) for _, age, _ in rows], dtype=np.float64),
        tuple(site or "" for _, _, site in rows),
    )


def people_after(session: Session, sequence: int) -> PeopleRows:
    """The patients who are new, or of whom something changed that a match reads, after a change;
    everybody after -1."""
    columns = (
        t.Patient.sex,
        t.Patient.ancestry,
        t.Patient.cohort,
        t.Patient.consent,
        t.Patient.family,
    )
    query = sa.select(t.Patient.id, *columns).where(t.Patient.sequence > sequence)
    keys: list[int] = []
    texts: list[list[str]] = [[] for _ in columns]
    shared: dict[str | None, str] = {None: ""}
    for rows in session.execute(query.execution_options(yield_per=FETCHED)).partitions():
        for key, *facts in rows:
            keys.append(key)
            for column, fact in zip(texts, facts, strict=True):
                column.append(shared.setdefault(fact, fact or ""))
    found = np.array(keys, dtype=np.int64)
    order = np.argsort(found)
    sex, ancestry, cohort, consent, family = (
        tuple(column[place] for place in order) for column in texts
    )
    links = t.patient_gene.c
    return PeopleRows(
        keys=found[order],
        sex=sex,
        ancestry=ancestry,
        cohort=cohort,
        consent=consent,
        family=family,
        disorders=_pairs_after(session, t.Diagnosis.patient_id, t.Diagnosis.disorder_id, sequence),
        genes=_pairs_after(session, links.patient_id, links.gene_id, sequence),
    )


def _pairs_after(session: Session, patient: Any, other: Any, sequence: int) -> Ids:
    query = (
        sa.select(patient, other)
        .join(t.Patient, t.Patient.id == patient)
        .where(t.Patient.sequence > sequence)
    )
    pairs = integers(session.execute(query.execution_options(yield_per=FETCHED)))
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def ids_after(session: Session, space: StoredSpace, sequence: int) -> Ids:
    """The ids of the descriptors of a space that were added after a change, ascending; from an
    index alone."""
    query = sa.select(t.Descriptor.id).where(
        t.Descriptor.space_id == space.id, t.Descriptor.sequence > sequence
    )
    keys = session.scalars(query.execution_options(yield_per=FETCHED))
    return np.sort(np.fromiter(keys, dtype=np.int64))


def _rows(session: Session, space: StoredSpace, sequence: int, ids: Ids) -> NewRows:
    """The rows of some ids, which are all that are newer than the change between the first and the
    last of them."""
    count = len(ids)
    patients, ages = np.empty(count, np.int64), np.empty(count, np.float64)
    vectors = np.empty((count, space.dim), np.float32)
    sites: list[str] = []
    shared: dict[str | None, str] = {None: ""}
    place = 0
    for rows in _read(session, space, sequence, ids) if count else ():
        _, of, of_age, of_site, blobs = zip(*rows, strict=True)
        if {*map(len, blobs)} != {4 * space.dim}:
            raise damaged_descriptor(session, space)
        here = slice(place, place + len(rows))
        patients[here] = of
        ages[here] = [_age(age) for age in of_age]
        vectors[here] = np.frombuffer(b"".join(blobs), "<f4").reshape(len(rows), space.dim)
        sites += (shared.setdefault(site, site or "") for site in of_site)
        place += len(rows)
    return NewRows(ids, patients, ages, tuple(sites), vectors)


def _read(session: Session, space: StoredSpace, sequence: int, ids: Ids) -> Iterator[Sequence[Any]]:
    """Rows by the key of the table: by the index on changes, the database would sort whole
    descriptors. Keys and numbers grow together, so that few others lie between."""
    query = (
        sa.select(
            t.Descriptor.id, t.Photo.patient_id, t.Photo.age, t.Photo.site, t.Descriptor.vector
        )
        .join(t.Face, t.Face.id == t.Descriptor.face_id)
        .join(t.Photo, t.Photo.id == t.Face.photo_id)
        .where(
            t.Descriptor.id.between(int(ids[0]), int(ids[-1])),
            _unindexed(t.Descriptor.space_id) == space.id,
            _unindexed(t.Descriptor.sequence) > sequence,
        )
        .order_by(t.Descriptor.id)
    )
    return session.execute(query.execution_options(yield_per=FETCHED)).partitions()


def _unindexed(column: Any) -> Any:
    """A column as a value for which the database looks up no index."""
    return column + 0


def _age(age: float | None) -> float:
    return np.nan if age is None else age
