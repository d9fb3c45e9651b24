"""What leaves the database: patients, photos, faces that were corrected, and what nobody has any
more. Every descriptor that goes is in the removal log, for indexes that still have it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import NotInGallery
from gestalt_space.store import tables as t
from gestalt_space.store.audit import empty_details, empty_details_naming, record_event
from gestalt_space.store.chunks import chunks
from gestalt_space.store.lookups import is_sha256_start, photo_of
from gestalt_space.store.purges import note_purge
from gestalt_space.store.sequence import begin_epoch, count_changes


@dataclass(frozen=True, slots=True)
class Removed:
    """How many patients and photos left the gallery."""

    patients: int
    photos: int


def remove_patients(session: Session, patients: Sequence[str]) -> Removed:
    """Remove patients and all that hangs on them.

    Raises `NotInGallery` for a patient that is not there, removing none.
    """
    found = patient_keys(session, patients)
    for patient in patients:
        if patient not in found:
            raise NotInGallery(
                f"There is no patient {patient!r}.", "`gestalt index list` shows all patients."
            )
    return take_out(session, found.values(), "remove")


def patient_keys(session: Session, patients: Sequence[str]) -> dict[str, int]:
    """The keys of those patients who are there, by identifier."""
    found: dict[str, int] = {}
    for some in chunks(patients):
        rows = session.execute(
            sa.select(t.Patient.external_id, t.Patient.id).where(t.Patient.external_id.in_(some))
        )
        found.update(rows.all())
    return found


def take_out(session: Session, patients: Collection[int], action: str) -> Removed:
    """Remove patients by their keys with all that hangs on them; `action`: what the audit trail
    calls it."""
    photos: dict[int, str] = {}
    for keys in chunks(patients):
        theirs = sa.select(t.Photo.id, t.Photo.sha256).where(t.Photo.patient_id.in_(keys))
        photos.update((key, sha256) for key, sha256 in session.execute(theirs))
    if patients:
        empty_details(session, patients)
        empty_details_naming(session, set(photos.values()))
        record_event(session, action, patients=patients, detail={"photos": len(photos)})
    remove_photo_rows(session, photos)
    _remove_patient_rows(session, patients)
    if patients:
        begin_epoch(session)
        note_purge(session)
    return Removed(patients=len(patients), photos=len(photos))


def remove_photos(
    session: Session, names: Sequence[str], *, patients: Sequence[str] = ()
) -> Removed:
    """Remove photos by name or sha256 (its first 8 digits or more), and the patients who have none
    left.

    A photo that shows several patients is in the gallery once for each: `patients` says whose is
    meant, and then the name of the file will do, as for `photo_of`. Raises `NotInGallery` for a
    name that no photo has, or several have, removing none.
    """
    gone: set[int] = set()
    for name in names:
        if not patients:
            gone.add(_the_only_one(name, _photos_named(session, name)))
        gone.update(photo_of(session, patient, name) for patient in patients)
    owners: set[int] = set()
    hashes: set[str] = set()
    for some in chunks(gone):
        of = sa.select(t.Photo.patient_id, t.Photo.sha256).where(t.Photo.id.in_(some))
        for owner, sha256 in session.execute(of):
            owners.add(owner)
            hashes.add(sha256)
    remove_photo_rows(session, sorted(gone))
    has_photo = sa.select(t.Photo.id).where(t.Photo.patient_id == t.Patient.id).exists()
    without: list[int] = []
    for keys in chunks(owners):
        query = sa.select(t.Patient.id).where(t.Patient.id.in_(keys), ~has_photo)
        without += session.scalars(query)
    empty_details(session, without)
    empty_details_naming(session, hashes)
    if gone:
        record_event(session, "remove", patients=owners, detail={"photos": len(gone)})
    _remove_patient_rows(session, without)
    if gone:
        begin_epoch(session)
        note_purge(session)
    return Removed(patients=len(without), photos=len(gone))


def remove_photo_rows(session: Session, photo_ids: Collection[int]) -> None:
    """Remove photos, by key, with all that hangs on them."""
    _log_removals_of(session, photo_ids)
    for some in chunks(photo_ids):
        session.execute(sa.delete(t.Photo).where(t.Photo.id.in_(some)))


def remove_faces(session: Session, photo_id: int) -> None:
    """Remove the faces of a photo with their crops and descriptors; the photo stays."""
    _log_removals_of(session, [photo_id])
    session.execute(sa.delete(t.Face).where(t.Face.photo_id == photo_id))


def log_removals(session: Session, gone: sa.ColumnElement[bool]) -> int:
    """Write into the removal log which descriptors are about to go; returns how many."""
    found = session.execute(sa.select(t.Descriptor.id, t.Descriptor.space_id).where(gone)).all()
    numbers = count_changes(session, len(found))
    session.add_all(
        t.Removal(descriptor_id=descriptor, space_id=space, sequence=number)
        for (descriptor, space), number in zip(found, numbers, strict=True)
    )
    return len(found)


def remove_unused(session: Session, disorders: Collection[int], genes: Collection[int]) -> None:
    """Of some disorders those that no patient has, and of their genes and some others those that
    nothing has, go with the last of them."""
    links = t.disorder_gene.c
    loose = set(genes)
    has_patient = sa.select(t.Diagnosis.patient_id).where(t.Diagnosis.disorder_id == t.Disorder.id)
    for some in chunks(disorders):
        query = sa.select(t.Disorder.id).where(t.Disorder.id.in_(some), ~has_patient.exists())
        gone = session.scalars(query).all()
        loose.update(session.scalars(sa.select(links.gene_id).where(links.disorder_id.in_(gone))))
        session.execute(sa.delete(t.Disorder).where(t.Disorder.id.in_(gone)))
    for some in chunks(loose):
        held = (
            sa.select(table.c.gene_id).where(table.c.gene_id == t.Gene.id).exists()
            for table in (t.patient_gene, t.disorder_gene)
        )
        session.execute(sa.delete(t.Gene).where(t.Gene.id.in_(some), *(~one for one in held)))


def _photos_named(session: Session, name: str) -> Sequence[t.Photo]:
    named = t.Photo.name == name
    if is_sha256_start(name):
        # A range, since LIKE looks through all: no digit comes after "f".
        start = name.lower()
        named = sa.or_(named, sa.and_(t.Photo.sha256 >= start, t.Photo.sha256 < start + "g"))
    return session.scalars(sa.select(t.Photo).where(named).order_by(t.Photo.id)).all()


def _the_only_one(name: str, found: Sequence[t.Photo]) -> int:
    if len(found) == 1:
        return found[0].id
    if not found:
        raise NotInGallery(
            f"The gallery has no photo {name!r}.",
            "`gestalt index show PATIENT` lists the names and sha256 of photos.",
        )
    owners = [photo.patient.external_id for photo in found]
    if len({photo.sha256 for photo in found}) > 1:
        raise NotInGallery(
            f"The gallery has {len(found)} photos with the name {name!r}.",
            "Give the sha256 of one photo; `gestalt index show PATIENT` lists it.",
        )
    raise NotInGallery(
        f"The photo {name!r} shows {len(found)} patients of the gallery: {', '.join(owners)}.",
        f"Choose whose face to remove: `--of {owners[0]}`. To remove all: "
        f"{' '.join(f'--of {owner}' for owner in owners)}.",
    )


def _remove_patient_rows(session: Session, keys: Collection[int]) -> None:
    """Remove patients, and the disorders and genes that they were the last to have."""
    disorders: set[int] = set()
    genes: set[int] = set()
    links = t.patient_gene.c
    for some in chunks(keys):
        has = t.Diagnosis.patient_id.in_(some)
        disorders.update(session.scalars(sa.select(t.Diagnosis.disorder_id).where(has)))
        genes.update(session.scalars(sa.select(links.gene_id).where(links.patient_id.in_(some))))
        session.execute(sa.delete(t.Patient).where(t.Patient.id.in_(some)))
    remove_unused(session, disorders, genes)


def _log_removals_of(session: Session, photo_ids: Collection[int]) -> None:
    for some in chunks(photo_ids):
        faces = sa.select(t.Face.id).where(t.Face.photo_id.in_(some))
        log_removals(session, t.Descriptor.face_id.in_(faces))
