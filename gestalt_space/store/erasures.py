"""What an erasure takes out of the database, and erasures that are not done yet.

Rows leave as in `removals`. What is still to be done stands in the table `erasure`, and goes when
it is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.actors import actor_of
from gestalt_space.store.chunks import chunks
from gestalt_space.store.crops import crops_of, objects_of
from gestalt_space.store.removals import take_out
from gestalt_space.types import CropObject

_OF_PATIENTS = {
    "phenotype_term": t.PhenotypeTerm.patient_id,
    "diagnosis": t.Diagnosis.patient_id,
    "patient_gene": t.patient_gene.c.patient_id,
    "pseudonym": t.Pseudonym.patient_id,
}
TOUCHED = (*_OF_PATIENTS, "patient", "photo", "face", "crop", "descriptor", "withheld", "disorder")
TOUCHED += ("crop_object",)
TOUCHED += ("gene", "disorder_gene", "removal", "audit_event", "erasure", "job", "job_file")
"""Tables that rows are taken out of, or replaced in."""


@dataclass
class PatientTraces:
    """What the database has of patients. `photos`: names and sha256; `vectors`: with the key of
    the space; `crops`: PNG; `objects`: crops outside the database; `rows`: how many each table
    has."""

    photos: list[tuple[str, str]] = field(default_factory=list)
    vectors: list[tuple[int, bytes]] = field(default_factory=list)
    crops: list[bytes] = field(default_factory=list)
    objects: list[CropObject] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnfinishedErasure:
    """An erasure that is not done yet."""

    id: int
    at: datetime
    actor: str
    plan: dict[str, Any]


def traces_of(session: Session, patients: Collection[int]) -> PatientTraces:
    """All that the database has of patients, by their keys, and their crops wherever they are.
    Raises `CropStoreError`."""
    found = PatientTraces()
    tables = ("patient", "photo", "face", "crop", "crop_object", "descriptor", "withheld")
    rows = dict.fromkeys(tables, 0)
    rows |= dict.fromkeys(_OF_PATIENTS, 0)
    for some in chunks(patients):
        rows["patient"] += len(some)
        photos = session.execute(
            sa.select(t.Photo.name, t.Photo.sha256).where(t.Photo.patient_id.in_(some))
        ).all()
        found.photos += [(name, sha256) for name, sha256 in photos]
        faces = (
            sa.select(t.Face.id)
            .join(t.Photo, t.Photo.id == t.Face.photo_id)
            .where(t.Photo.patient_id.in_(some))
        )
        keys = session.scalars(faces).all()
        rows["face"] += len(keys)
        found.objects += objects_of(session, keys).values()
        found.crops += crops_of(session, keys).values()
        described = sa.select(t.Descriptor.id, t.Descriptor.space_id, t.Descriptor.vector)
        for key, space, vector in session.execute(described.where(t.Descriptor.face_id.in_(faces))):
            found.descriptors.append(key)
            found.vectors.append((space, vector))
        withheld = sa.select(t.Withheld.space_id, t.Withheld.vector)
        for space, vector in session.execute(withheld.where(t.Withheld.face_id.in_(faces))):
            rows["withheld"] += 1
            found.vectors.append((space, vector))
        for table, column in _OF_PATIENTS.items():
            count = sa.select(sa.func.count()).where(column.in_(some))
            rows[table] += session.scalars(count).one()
    rows["photo"], rows["crop_object"] = len(found.photos), len(found.objects)
    rows["crop"] = len(found.crops) - len(found.objects)
    rows["descriptor"] = len(found.descriptors)
    found.rows = rows
    return found


def erase_rows(session: Session, patients: Collection[int]) -> dict[str, int]:
    """Take patients out, by their keys; returns how many disorders and genes went, since nobody
    else has them."""
    before = _counts(session)
    take_out(session, patients, "erase")
    after = _counts(session)
    return {name: before[name] - after[name] for name in before}


def begin_erasure(session: Session, plan: Mapping[str, Any]) -> int:
    """Note an erasure whose rows go in this transaction; returns its key."""
    row = t.Erasure(at=datetime.now(UTC), actor=actor_of(session), plan=dict(plan))
    session.add(row)
    session.flush()
    return row.id


def change_plan(session: Session, erasure: int, plan: Mapping[str, Any]) -> None:
    """Put another plan in the place of that of an erasure; the first one is then still in the
    write-ahead log."""
    session.execute(sa.update(t.Erasure).where(t.Erasure.id == erasure).values(plan=dict(plan)))
    session.add(t.Purge(sequence=last_change(session), home_id=None))


def end_erasure(session: Session, erasure: int) -> None:
    """Forget an erasure that is done."""
    session.execute(sa.delete(t.Erasure).where(t.Erasure.id == erasure))


def begun_erasures(session: Session) -> list[UnfinishedErasure]:
    """The erasures that are not done yet, the oldest first."""
    rows = session.scalars(sa.select(t.Erasure).order_by(t.Erasure.id))
    return [UnfinishedErasure(row.id, row.at, row.actor, row.plan) for row in rows]


def unclean_homes(session: Session, sequence: int, but: str | None = None) -> list[str]:
    """The places of homes, but for one by its id, whose index may have what was removed up to a
    change."""
    notes = sa.select(t.Purge.home_id).where(t.Purge.sequence <= sequence)
    homes = sa.select(t.Home.place).where(t.Home.id.in_(notes))
    if but is not None:
        homes = homes.where(t.Home.id != but)
    return list(session.scalars(homes.order_by(t.Home.place)))


def places_of_homes(session: Session) -> list[str]:
    """Where the homes of this database are."""
    return list(session.scalars(sa.select(t.Home.place).order_by(t.Home.place)))


def forget_removals(session: Session) -> None:
    """Take the descriptors of erasures out of the removal log, once no index has them any more."""
    for begun in begun_erasures(session):
        if unclean_homes(session, begun.plan["sequence"]):
            continue
        for some in chunks(begun.plan["descriptors"]):
            session.execute(sa.delete(t.Removal).where(t.Removal.descriptor_id.in_(some)))


def last_change(session: Session) -> int:
    """The number of the last change."""
    return session.scalars(sa.select(t.Change.sequence)).one()


def texts_with(session: Session, part: str) -> Iterator[tuple[str, str]]:
    """The texts in any row in which another stands, with the table and column of each: `photo.name`
    say. Documents come as the JSON that they are stored as."""
    for table in t.Base.metadata.sorted_tables:
        for column in table.columns:
            if not isinstance(column.type, sa.String | sa.JSON) or table.name == "erasure":
                continue
            text = sa.cast(column, sa.Text)
            # LIKE looks at ASCII letters in any case; whoever asks compares.
            for value in session.scalars(
                sa.select(text).where(text.contains(part, autoescape=True)).distinct()
            ):
                yield f"{table.name}.{column.name}", value


def blobs(session: Session) -> Iterator[tuple[int | None, bytes]]:
    """Every descriptor, with the key of its space, and every crop in the database, with None."""
    for query in (
        sa.select(t.Descriptor.space_id, t.Descriptor.vector),
        sa.select(t.Withheld.space_id, t.Withheld.vector),
        sa.select(sa.null(), t.Crop.png),
    ):
        for some in session.execute(query.execution_options(yield_per=256)).partitions():
            yield from ((space, blob) for space, blob in some)


def _counts(session: Session) -> dict[str, int]:
    tables = {"disorder": t.Disorder, "gene": t.Gene}
    return {
        name: session.scalars(sa.select(sa.func.count()).select_from(table)).one()
        for name, table in tables.items()
    }
