"""What changes the database: batches of photos in, patients and photos out.

A photo is checked against the gallery before anything of it is written, so that one that is
refused leaves no trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.descriptors import check_descriptors
from gestalt_space.errors import GestaltError, NotInGallery, PatientConflict
from gestalt_space.store import tables as t
from gestalt_space.types import Descriptors, Face, PhotoRecord

_SHA256_START = re.compile("[0-9a-fA-F]{8,64}")
_PATIENT_FACTS = ("sex", "ancestry", "cohort", "consent")


@dataclass(frozen=True, slots=True)
class EncodedFace:
    """A photo's face and descriptor `(d,)`. `crop`: PNG bytes, if it is to be kept."""

    width: int
    height: int
    face: Face
    descriptor: Descriptors
    crop: bytes | None


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """What is told of a photo, and its face; None for a photo that is in the gallery already."""

    record: PhotoRecord
    sha256: str
    encoded: EncodedFace | None


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a new photo: `error` where it was refused, `already` where it was there."""

    error: GestaltError | None = None
    already: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """How many patients and photos left the gallery."""

    patients: int
    photos: int


@dataclass
class _Known:
    """The rows of the gallery that a batch touches, by the identifiers that people gave them."""

    photos: dict[str, str]
    ages: dict[str, float | None]
    patients: dict[str, t.Patient]
    disorders: dict[str, t.Disorder]
    genes: dict[str, t.Gene]
    new: list[t.Descriptor] = field(default_factory=list)


def add_space(
    session: Session, *, model: str, fingerprint: str, specification: str, dim: int
) -> int:
    """The key of the space of that fingerprint, made if it is new; the first one is the default."""
    known = session.scalar(sa.select(t.Space.id).where(t.Space.fingerprint == fingerprint))
    if known is not None:
        return known
    first = session.scalar(sa.select(sa.func.count()).select_from(t.Space)) == 0
    space = t.Space(
        model=model,
        fingerprint=fingerprint,
        specification=specification,
        dim=dim,
        is_default=first,
    )
    session.add(space)
    session.flush()
    return space.id


def add_photos(
    session: Session, photos: Sequence[NewPhoto], *, space_id: int, run_id: int | None = None
) -> list[Stored]:
    """Store a batch; for each photo in order, what became of it.

    `run_id`: of the run that made the descriptors, None where that is not known.
    """
    known = _load_known(session, photos)
    with session.no_autoflush:
        stored = [_add_photo(session, photo, known, space_id, run_id) for photo in photos]
        _number(session, known.new)
    session.flush()
    return stored


def put_descriptors(
    session: Session,
    described: Mapping[int, Descriptors],
    *,
    space_id: int,
    run_id: int | None = None,
) -> None:
    """Store descriptors `(d,)` of faces that are in the gallery already, by the face's key.

    One that a face has in the space already is replaced: it leaves by the removal log, and the new
    one has a key of its own, so that indexes made before follow.
    """
    vectors = check_descriptors(np.stack(list(described.values())))
    old = sa.and_(t.Descriptor.space_id == space_id, t.Descriptor.face_id.in_(list(described)))
    _log_removals(session, old)
    session.execute(sa.delete(t.Descriptor).where(old))
    rows = [
        t.Descriptor(face_id=face_id, space_id=space_id, run_id=run_id, vector=vector.tobytes())
        for face_id, vector in zip(described, vectors, strict=True)
    ]
    _number(session, rows)
    session.add_all(rows)


def remove_patients(session: Session, patients: Sequence[str]) -> Removed:
    """Remove patients and all that hangs on them.

    Raises `NotInGallery` for a patient that is not there, removing none.
    """
    found = dict(
        session.execute(
            sa.select(t.Patient.external_id, t.Patient.id).where(
                t.Patient.external_id.in_(patients)
            )
        ).all()
    )
    for patient in patients:
        if patient not in found:
            raise NotInGallery(f"There is no patient {patient!r}.", "Run `gestalt index list`.")
    photos = session.scalars(sa.select(t.Photo.id).where(t.Photo.patient_id.in_(found.values())))
    gone = photos.all()
    _remove_photo_rows(session, gone)
    session.execute(sa.delete(t.Patient).where(t.Patient.id.in_(found.values())))
    _remove_unused(session)
    return Removed(patients=len(found), photos=len(gone))


def remove_photos(session: Session, names: Sequence[str]) -> Removed:
    """Remove photos by name or sha256 (its first 8 digits or more), and the patients who have none
    left.

    Raises `NotInGallery` for a name that no photo has or several photos have, removing none.
    """
    gone: set[int] = set()
    for name in names:
        named = t.Photo.name == name
        if _SHA256_START.fullmatch(name):
            named = sa.or_(named, t.Photo.sha256.startswith(name.lower()))
        ids = session.scalars(sa.select(t.Photo.id).where(named)).all()
        if len(ids) != 1:
            raise NotInGallery(
                f"{len(ids) or 'No'} photos in the gallery are named {name!r}.",
                "`gestalt index show PATIENT` tells the sha256, which names one photo.",
            )
        gone.update(ids)
    _remove_photo_rows(session, sorted(gone))
    left = sa.select(t.Photo.patient_id)
    gone_patients = session.scalars(
        sa.delete(t.Patient).where(t.Patient.id.not_in(left)).returning(t.Patient.id)
    ).all()
    _remove_unused(session)
    return Removed(patients=len(gone_patients), photos=len(gone))


def make_default(session: Session, space_id: int) -> None:
    """Let the gallery work in a space from now on."""
    session.execute(sa.update(t.Space).values(is_default=t.Space.id == space_id))


def record_generation(session: Session, space_id: int, *, sequence: int, digest: str) -> bool:
    """Say which index on disk is this database's; False where a newer one is known."""
    known = session.get(t.Generation, space_id)
    if known is not None and known.sequence > sequence:
        return False
    session.merge(t.Generation(space_id=space_id, sequence=sequence, digest=digest))
    return True


def record_event(session: Session, action: str, **detail: int | str) -> None:
    """Write a line of the audit trail. It names no patient."""
    session.add(t.AuditEvent(action=action, detail=detail))


def _load_known(session: Session, photos: Sequence[NewPhoto]) -> _Known:
    records = [photo.record for photo in photos]
    photo_rows = session.execute(
        sa.select(t.Photo.sha256, t.Patient.external_id, t.Photo.age)
        .join(t.Photo.patient)
        .where(t.Photo.sha256.in_({photo.sha256 for photo in photos}))
    ).all()
    patients = session.scalars(
        sa.select(t.Patient)
        .where(t.Patient.external_id.in_({record.patient for record in records}))
        .options(
            selectinload(t.Patient.diagnoses),
            selectinload(t.Patient.phenotypes),
            selectinload(t.Patient.genes),
        )
    )
    disorders = session.scalars(
        sa.select(t.Disorder)
        .where(t.Disorder.code.in_({d.id for record in records for d in record.disorders}))
        .options(selectinload(t.Disorder.genes))
    )
    genes = session.scalars(
        sa.select(t.Gene).where(t.Gene.symbol.in_({g for record in records for g in record.genes}))
    )
    return _Known(
        photos={sha256: patient for sha256, patient, _ in photo_rows},
        ages={sha256: age for sha256, _, age in photo_rows},
        patients={patient.external_id: patient for patient in patients},
        disorders={disorder.code: disorder for disorder in disorders},
        genes={gene.symbol: gene for gene in genes},
    )


def _add_photo(
    session: Session, photo: NewPhoto, known: _Known, space_id: int, run_id: int | None
) -> Stored:
    record, encoded = photo.record, photo.encoded
    owner = known.photos.get(photo.sha256)
    if owner not in (None, record.patient):
        return Stored(two_owners(record.patient, owner))
    patient = known.patients.get(record.patient)
    is_new = owner is None
    if patient is not None and (conflict := _contradiction(record, patient, is_new)) is not None:
        return Stored(conflict)
    if not is_new and patient is not None:
        age = known.ages.get(photo.sha256)
        if None not in (age, record.age) and age != record.age:
            return Stored(
                PatientConflict(
                    f"In the gallery the photo shows the patient at {age:.4g} years; here it is "
                    f"{record.age:.4g}.",
                    "Mend the row, or remove the photo and add it again.",
                )
            )
        _tell_of_patient(session, patient, record, known)
        session.execute(
            sa.update(t.Photo)
            .where(t.Photo.sha256 == photo.sha256, t.Photo.age.is_(None))
            .values(age=record.age)
        )
        return Stored(already=True)
    if encoded is None:
        return Stored(NotInGallery("The photo was removed meanwhile.", "Run the command again."))
    try:
        vector = check_descriptors(encoded.descriptor[None])[0]
    except GestaltError as error:
        return Stored(error)
    if patient is None:
        patient = t.Patient(external_id=record.patient)
        session.add(patient)
        known.patients[record.patient] = patient
    known.photos[photo.sha256] = record.patient
    _tell_of_patient(session, patient, record, known)
    descriptor = t.Descriptor(space_id=space_id, run_id=run_id, vector=vector.tobytes())
    known.new.append(descriptor)
    session.add(_photo_row(photo, encoded, patient, descriptor))
    return Stored()


def two_owners(patient: str, owner: str | None) -> PatientConflict:
    """The refusal of a photo under two patients."""
    return PatientConflict(
        f"It was given for patient {patient!r}, and the same photo is in the gallery for patient "
        f"{owner!r}.",
        "Find out whose it is; `gestalt index remove --photo` takes the wrong one out.",
    )


def _contradiction(record: PhotoRecord, patient: t.Patient, is_new: bool) -> PatientConflict | None:
    if record.new_patient and is_new:
        return PatientConflict(
            f"The name of the file makes it a photo of patient {record.patient!r}, who is in the "
            "gallery already.",
            f"If it is the same person: --patient {record.patient}. If not: give the patient a "
            "name of their own.",
        )
    for fact in _PATIENT_FACTS:
        old, new = getattr(patient, fact), getattr(record, fact)
        if old is not None and new is not None and old != new:
            return PatientConflict(
                f"Patient {record.patient!r} is in the gallery with {fact} {old!r}; here it is "
                f"{new!r}.",
                "Mend the row, or remove the patient and add all their photos again.",
            )
    given = {term.term: term.present for term in patient.phenotypes}
    for present, terms in ((True, record.hpo), (False, record.hpo_absent)):
        for term in terms:
            if given.get(term, present) != present:
                return PatientConflict(
                    f"Patient {record.patient!r} has {term} both as present and as absent.",
                    "Mend the row, or remove the patient and add all their photos again.",
                )
    return None


def _tell_of_patient(
    session: Session, patient: t.Patient, record: PhotoRecord, known: _Known
) -> None:
    for fact in _PATIENT_FACTS:
        if getattr(patient, fact) is None:
            setattr(patient, fact, getattr(record, fact))
    genes = [_gene(session, symbol, known) for symbol in record.genes]
    _union(patient.genes, genes)
    have = {diagnosis.disorder.code for diagnosis in patient.diagnoses}
    for told in record.disorders:
        disorder = known.disorders.get(told.id)
        if disorder is None:
            disorder = known.disorders[told.id] = t.Disorder(code=told.id, name=told.name)
            session.add(disorder)
        disorder.name = disorder.name or told.name
        _union(disorder.genes, genes)
        if told.id not in have:
            patient.diagnoses.append(t.Diagnosis(disorder=disorder))
            have.add(told.id)
    terms = {term.term for term in patient.phenotypes}
    for present, told_terms in ((True, record.hpo), (False, record.hpo_absent)):
        for term in told_terms:
            if term not in terms:
                patient.phenotypes.append(t.PhenotypeTerm(term=term, present=present))
                terms.add(term)


def _gene(session: Session, symbol: str, known: _Known) -> t.Gene:
    if symbol not in known.genes:
        known.genes[symbol] = t.Gene(symbol=symbol)
        session.add(known.genes[symbol])
    return known.genes[symbol]


def _union(have: list[t.Gene], more: Iterable[t.Gene]) -> None:
    have.extend(gene for gene in more if gene not in have)


def _photo_row(
    photo: NewPhoto, encoded: EncodedFace, patient: t.Patient, descriptor: t.Descriptor
) -> t.Photo:
    face = encoded.face
    row = t.Face(
        number=face.number,
        count=face.count,
        detector=face.detector,
        step=face.step,
        score=face.score,
        box=[float(v) for v in face.box],
        landmarks=[[float(v) for v in point] for point in face.landmarks],
        sharpness=face.quality.sharpness,
        size=face.quality.size,
        yaw=face.quality.yaw,
        roll=face.quality.roll,
        crop=None if encoded.crop is None else t.Crop(png=encoded.crop),
        descriptors=[descriptor],
    )
    return t.Photo(
        patient=patient,
        sha256=photo.sha256,
        name=photo.record.photo,
        age=photo.record.age,
        width=encoded.width,
        height=encoded.height,
        faces=[row],
    )


def _number(session: Session, descriptors: Sequence[t.Descriptor]) -> None:
    """Give new descriptors their sequence numbers."""
    last = _advance(session, len(descriptors))
    for number, row in enumerate(descriptors, start=last - len(descriptors) + 1):
        row.sequence = number


def _advance(session: Session, by: int) -> int:
    """Count changes under the writer's lock; returns the number of the last one."""
    return session.scalars(
        sa.update(t.Change).values(sequence=t.Change.sequence + by).returning(t.Change.sequence)
    ).one()


def _remove_photo_rows(session: Session, photo_ids: Sequence[int]) -> None:
    faces = sa.select(t.Face.id).where(t.Face.photo_id.in_(photo_ids))
    _log_removals(session, t.Descriptor.face_id.in_(faces))
    session.execute(sa.delete(t.Photo).where(t.Photo.id.in_(photo_ids)))


def _log_removals(session: Session, gone: sa.ColumnElement[bool]) -> None:
    """Write into the removal log which descriptors are about to go."""
    found = session.execute(sa.select(t.Descriptor.id, t.Descriptor.space_id).where(gone))
    rows: list[tuple[int, int]] = list(found.all())
    last = _advance(session, len(rows))
    session.add_all(
        t.Removal(descriptor_id=descriptor, space_id=space, sequence=number)
        for number, (descriptor, space) in enumerate(rows, start=last - len(rows) + 1)
    )


def _remove_unused(session: Session) -> None:
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
