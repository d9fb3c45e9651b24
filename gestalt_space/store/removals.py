"""What leaves the database: patients, photos, faces that were corrected, and what nobody has any
more. Every descriptor that goes is in the removal log, for indexes that still have it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import NotInGallery
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.sequence import count_changes

_SHA256_START = re.compile("[0-9a-fA-F]{8,64}")


@dataclass(frozen=True, slots=True)
class Removed:
    """How many patients and photos left the gallery."""

    patients: int
    photos: int


def remove_patients(session: Session, patients: Sequence[str]) -> Removed:
    """Remove patients and all that hangs on them.

    Raises `NotInGallery` for a patient that is not there, removing none.
    """
    found: dict[str, int] = {}
    for some in chunks(patients):
        rows = session.execute(
            sa.select(t.Patient.external_id, t.Patient.id).where(t.Patient.external_id.in_(some))
        )
        found.update(rows.all())
    for patient in patients:
        if patient not in found:
            raise NotInGallery(f"There is no patient {patient!r}.", "Run `gestalt index list`.")
    photos: list[int] = []
    for keys in chunks(found.values()):
        photos += session.scalars(sa.select(t.Photo.id).where(t.Photo.patient_id.in_(keys)))
    _remove_photo_rows(session, photos)
    for keys in chunks(found.values()):
        session.execute(sa.delete(t.Patient).where(t.Patient.id.in_(keys)))
    remove_unused(session)
    return Removed(patients=len(found), photos=len(photos))


def remove_photos(
    session: Session, names: Sequence[str], *, patients: Sequence[str] = ()
) -> Removed:
    """Remove photos by name or sha256 (its first 8 digits or more), and the patients who have none
    left.

    A photo that shows several patients is in the gallery once for each: `patients` says whose is
    meant. Raises `NotInGallery` for a name that no photo has, or several have, removing none.
    """
    gone: set[int] = set()
    for name in names:
        found = _photos_named(session, name)
        if not patients:
            gone.add(_the_only_one(name, found))
        for patient in patients:
            theirs = [photo for photo in found if photo.patient.external_id == patient]
            gone.add(_the_only_one(name, theirs, patient))
    _remove_photo_rows(session, sorted(gone))
    left = sa.select(t.Photo.patient_id)
    gone_patients = session.scalars(
        sa.delete(t.Patient).where(t.Patient.id.not_in(left)).returning(t.Patient.id)
    ).all()
    remove_unused(session)
    return Removed(patients=len(gone_patients), photos=len(gone))


def remove_faces(session: Session, photo_id: int) -> None:
    """Remove the faces of a photo with their crops and descriptors; the photo stays."""
    _log_removals_of(session, [photo_id])
    session.execute(sa.delete(t.Face).where(t.Face.photo_id == photo_id))


def log_removals(session: Session, gone: sa.ColumnElement[bool]) -> None:
    """Write into the removal log which descriptors are about to go."""
    found = session.execute(sa.select(t.Descriptor.id, t.Descriptor.space_id).where(gone)).all()
    numbers = count_changes(session, len(found))
    session.add_all(
        t.Removal(descriptor_id=descriptor, space_id=space, sequence=number)
        for (descriptor, space), number in zip(found, numbers, strict=True)
    )


def remove_unused(session: Session) -> None:
    """Disorders that no patient has, and genes that nothing has, go with the last of them."""
    session.execute(
        sa.delete(t.Disorder).where(t.Disorder.id.not_in(sa.select(t.Diagnosis.disorder_id)))
    )
    session.execute(
        sa.delete(t.Gene).where(
            t.Gene.id.not_in(sa.select(t.patient_gene.c.gene_id)),
            t.Gene.id.not_in(sa.select(t.disorder_gene.c.gene_id)),
        )
    )


def _photos_named(session: Session, name: str) -> Sequence[t.Photo]:
    named = t.Photo.name == name
    if _SHA256_START.fullmatch(name):
        named = sa.or_(named, t.Photo.sha256.startswith(name.lower()))
    return session.scalars(sa.select(t.Photo).where(named).order_by(t.Photo.id)).all()


def _the_only_one(name: str, found: Sequence[t.Photo], patient: str | None = None) -> int:
    if len(found) == 1:
        return found[0].id
    whose = "" if patient is None else f" of patient {patient!r}"
    if not found:
        raise NotInGallery(
            f"No photo{whose} in the gallery is named {name!r}.",
            "`gestalt index show PATIENT` lists names and sha256.",
        )
    owners = [photo.patient.external_id for photo in found]
    if len({photo.sha256 for photo in found}) > 1:
        raise NotInGallery(
            f"{len(found)} photos{whose} in the gallery are named {name!r}.",
            "`gestalt index show PATIENT` lists the sha256, which names one photo.",
        )
    raise NotInGallery(
        f"The photo {name!r} shows {len(found)} patients of the gallery: {', '.join(owners)}.",
        f"Say whose face to remove, `--of {owners[0]}`; for all of them: "
        f"{' '.join(f'--of {owner}' for owner in owners)}.",
    )


def _remove_photo_rows(session: Session, photo_ids: Collection[int]) -> None:
    _log_removals_of(session, photo_ids)
    for some in chunks(photo_ids):
        session.execute(sa.delete(t.Photo).where(t.Photo.id.in_(some)))


def _log_removals_of(session: Session, photo_ids: Collection[int]) -> None:
    for some in chunks(photo_ids):
        faces = sa.select(t.Face.id).where(t.Face.photo_id.in_(some))
        log_removals(session, t.Descriptor.face_id.in_(faces))
