"""What is asked of the database. Rows in, plain records and arrays out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.errors import DatabaseError, NotInGallery
from gestalt_space.same_face import is_same_face
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.crops import count_crops, crops_of, faces_with_crop, has_crop
from gestalt_space.store.runs import runs_of_faces
from gestalt_space.types import WITHDRAWN, EncodingRun, Face, Ids


@dataclass(frozen=True, slots=True)
class StoredSpace:
    """A space of the gallery."""

    id: int
    model: str
    fingerprint: str
    specification: str
    dim: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class GalleryCounts:
    """How much there is."""

    patients: int
    undiagnosed: int
    photos: int
    crops: int
    disorders: int
    genes: int
    withdrawn: int
    """Patients whose consent is withdrawn: they are not matched."""


@dataclass(frozen=True, slots=True)
class PatientSummary:
    """One line of a list of patients."""

    patient: str
    disorders: tuple[str, ...]
    sex: str | None
    ancestry: str | None
    cohort: str | None
    family: str | None
    photos: int
    consent: str | None


@dataclass(frozen=True, slots=True)
class PhotoDetail:
    """A stored photo and its face. `spaces`: the models whose spaces have its descriptor; `runs`:
    how each descriptor was made, None if that is not recorded.
    """

    name: str
    sha256: str
    age: float | None
    site: str | None
    added_at: datetime
    detector: str
    step: str
    score: float
    face: int
    faces: int
    box: tuple[float, ...]
    sharpness: float
    size: float
    yaw: float
    roll: float
    crop_kept: bool
    spaces: tuple[str, ...]
    runs: tuple[EncodingRun | None, ...]


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """Everything stored about a patient. `disorders`: pairs of identifier and name."""

    patient: str
    disorders: tuple[tuple[str, str], ...]
    genes: tuple[str, ...]
    sex: str | None
    ancestry: str | None
    cohort: str | None
    consent: str | None
    family: str | None
    hpo: tuple[str, ...]
    hpo_absent: tuple[str, ...]
    added_at: datetime
    photos: tuple[PhotoDetail, ...]


def spaces(session: Session) -> list[StoredSpace]:
    """All spaces, the first made first."""
    rows = session.scalars(sa.select(t.Space).order_by(t.Space.id))
    return [
        StoredSpace(row.id, row.model, row.fingerprint, row.specification, row.dim, row.is_default)
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class StoredFace:
    """Which face of a photo is stored for a patient, and what found it."""

    number: int
    detector: str


def last_face(session: Session) -> int:
    """The key of the face that was stored last; 0 where there is none."""
    return session.scalar(sa.select(sa.func.max(t.Face.id))) or 0


def stored_face(session: Session, sha256: str, patient: str, *, until: int) -> StoredFace | None:
    """The face of a photo that is stored for a patient, `until` the face of that key."""
    row = session.execute(
        sa.select(t.Face.number, t.Face.detector)
        .join(t.Face.photo)
        .join(t.Photo.patient)
        .where(t.Photo.sha256 == sha256, t.Patient.external_id == patient, t.Face.id <= until)
    ).first()
    return None if row is None else StoredFace(*row)


def stored_faces(
    session: Session, patients: Collection[str], *, until: int
) -> dict[str, list[tuple[str, StoredFace]]]:
    """The sha256 and the face of each photo that is stored for these patients, by patient, `until`
    the face of that key."""
    found: dict[str, list[tuple[str, StoredFace]]] = {}
    for some in chunks(patients):
        rows = session.execute(
            sa.select(t.Patient.external_id, t.Photo.sha256, t.Face.number, t.Face.detector)
            .join(t.Face.photo)
            .join(t.Photo.patient)
            .where(t.Patient.external_id.in_(some), t.Face.id <= until)
        )
        for patient, sha256, number, detector in rows:
            found.setdefault(patient, []).append((sha256, StoredFace(number, detector)))
    return found


@dataclass(frozen=True, slots=True)
class OwnPatient:
    """The patient that a face is stored for: key, identifier, and family, where it is known."""

    key: int
    identifier: str
    family: str | None


def patient_of_face(session: Session, sha256: str, face: Face) -> OwnPatient | None:
    """The patient that a face of a photo is stored for; nobody whose consent is withdrawn."""
    rows = session.execute(
        sa.select(
            t.Patient.id, t.Patient.external_id, t.Patient.family, t.Face.box, t.Face.landmarks
        )
        .join(t.Patient.photos)
        .join(t.Photo.faces)
        .where(t.Photo.sha256 == sha256, consents())
    )
    box = [float(v) for v in face.box]
    for key, identifier, family, stored_box, landmarks in rows:
        if is_same_face(stored_box, landmarks, box, face.landmarks):
            return OwnPatient(key, identifier, family)
    return None


def count_changes_after(session: Session, space: StoredSpace, sequence: int) -> int:
    """How many descriptors of a space were added or removed after a change."""
    return sum(
        session.scalar(
            sa.select(sa.func.count())
            .select_from(table)
            .where(table.space_id == space.id, table.sequence > sequence)
        )
        or 0
        for table in (t.Descriptor, t.Removal)
    )


def count_descriptors(session: Session, space: StoredSpace) -> int:
    """How many descriptors a space has."""
    query = sa.select(sa.func.count()).select_from(t.Descriptor)
    return session.scalar(query.where(t.Descriptor.space_id == space.id)) or 0


def damaged_descriptor(session: Session, space: StoredSpace) -> DatabaseError:
    """What to raise for a descriptor of a space that is not of its size."""
    row = session.execute(
        sa.select(t.Photo.name, t.Patient.external_id)
        .join(t.Photo.patient)
        .join(t.Photo.faces)
        .join(t.Face.descriptors)
        .where(
            t.Descriptor.space_id == space.id,
            sa.func.length(t.Descriptor.vector) != 4 * space.dim,
        )
    ).first()
    where = "" if row is None else f" of the photo {row[0]} (patient {row[1]})"
    return DatabaseError(
        f"The descriptor{where} in the space of {space.model} does not have {space.dim} numbers.",
        "Restore your last backup, or remove the photo and add it again.",
    )


def patient_names(session: Session) -> dict[int, str]:
    """Every patient's key, and identifier."""
    return dict(session.execute(sa.select(t.Patient.id, t.Patient.external_id)).all())


def faces_without(
    session: Session,
    space_id: int | None,
    among: Sequence[int] | None = None,
    *,
    made_by: EncodingRun | None = None,
) -> list[tuple[int, str, str]]:
    """Faces that have no descriptor in a space: key of the face, photo's name, patient. Those of
    patients whose consent is withdrawn are not among them.

    All faces for None, a space that is not stored yet; only those `among` some, where given. With
    `made_by`, those that have none of that encoding run.
    """
    have = sa.select(t.Descriptor.id).where(
        t.Descriptor.face_id == t.Face.id, t.Descriptor.space_id == space_id
    )
    if made_by is not None:
        runs = sa.select(t.EncodingRun.id).filter_by(**asdict(made_by))
        have = have.where(t.Descriptor.run_id.in_(runs))
    query = (
        sa.select(t.Face.id, t.Photo.name, t.Patient.external_id)
        .join(t.Face.photo)
        .join(t.Photo.patient)
        .where(~have.exists(), consents())
        .order_by(t.Face.id)
    )
    if among is None:
        rows = session.execute(query).all()
    else:
        narrowed = (query.where(t.Face.id.in_(some)) for some in chunks(sorted(among)))
        rows = [row for one in narrowed for row in session.execute(one)]
    return [(face, photo, patient) for face, photo, patient in rows]


def consents() -> sa.ColumnElement[bool]:
    """That a patient's consent is not withdrawn."""
    return sa.or_(t.Patient.consent.is_(None), t.Patient.consent != WITHDRAWN)


def is_consenting(session: Session, patient: int) -> bool:
    """Whether the consent of a patient, by key, is not withdrawn."""
    query = sa.select(t.Patient.id).where(t.Patient.id == patient, consents())
    return session.scalar(query) is not None


def consent_counts(session: Session) -> dict[str, int]:
    """How many patients have each consent that is stated."""
    query = sa.select(t.Patient.consent, sa.func.count()).group_by(t.Patient.consent)
    return {text: count for text, count in session.execute(query) if text is not None}


def named_faces(session: Session, faces: Collection[int]) -> list[tuple[int, str, str]]:
    """Those of some faces that are there, as `faces_without` lists them."""
    found: list[tuple[int, str, str]] = []
    for some in chunks(sorted(faces)):
        rows = session.execute(
            sa.select(t.Face.id, t.Photo.name, t.Patient.external_id)
            .join(t.Face.photo)
            .join(t.Photo.patient)
            .where(t.Face.id.in_(some))
            .order_by(t.Face.id)
        )
        found += [(face, photo, patient) for face, photo, patient in rows]
    return found


@dataclass(frozen=True, slots=True)
class DescribedPhoto:
    """The photo that a descriptor is of, its patient, and the aligned face as PNG, if kept; empty
    bytes for one that is missing or damaged outside the database."""

    patient: str
    photo: str
    png: bytes | None


def described_photos(
    session: Session, descriptor_ids: Sequence[int], *, outside: bool = True
) -> dict[int, DescribedPhoto]:
    """The photos of descriptors, by the descriptor's key. Without `outside`, a crop that is not in
    the database is as one that was not kept. Raises `CropStoreError`."""
    found: dict[int, DescribedPhoto] = {}
    for some in chunks(descriptor_ids):
        rows = session.execute(
            sa.select(t.Descriptor.id, t.Face.id, t.Patient.external_id, t.Photo.name)
            .join(t.Face, t.Face.id == t.Descriptor.face_id)
            .join(t.Photo, t.Photo.id == t.Face.photo_id)
            .join(t.Patient, t.Patient.id == t.Photo.patient_id)
            .where(t.Descriptor.id.in_(some))
        ).all()
        pngs = crops_of(session, [row[1] for row in rows], outside=outside)
        found.update(
            (key, DescribedPhoto(patient, photo, pngs.get(face)))
            for key, face, patient, photo in rows
        )
    return found


@dataclass(frozen=True, slots=True)
class KeptFace:
    """A patient's face whose crop is kept. `landmarks`: five points `(x, y)` of the photo; `png`:
    empty where it is missing or damaged outside the database."""

    patient: str
    landmarks: list[list[float]]
    png: bytes


def kept_faces(session: Session, patients: Sequence[str]) -> list[KeptFace]:
    """The faces of patients whose crops are kept, in the order of patients and photos; none of
    those whose consent is withdrawn. Raises `CropStoreError`."""
    found: list[KeptFace] = []
    for some in chunks(patients):
        rows = session.execute(
            sa.select(t.Patient.external_id, t.Face.landmarks, t.Face.id)
            .join(t.Photo, t.Photo.patient_id == t.Patient.id)
            .join(t.Face, t.Face.photo_id == t.Photo.id)
            .where(t.Patient.external_id.in_(some), consents(), has_crop(t.Face.id))
            .order_by(t.Patient.external_id, t.Photo.id)
        ).all()
        # The crops apart: with them, the database would sort pictures.
        for part in chunks(rows):
            crops = crops_of(session, [face for _, _, face in part])
            found += [KeptFace(patient, points, crops[face]) for patient, points, face in part]
    return found


def counts(session: Session) -> GalleryCounts:
    """How much there is."""

    def count(table: type[t.Base]) -> int:
        return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    diagnosed = session.scalar(sa.select(sa.func.count(sa.distinct(t.Diagnosis.patient_id)))) or 0
    patients = count(t.Patient)
    return GalleryCounts(
        patients=patients,
        undiagnosed=patients - diagnosed,
        photos=count(t.Photo),
        crops=count_crops(session),
        disorders=count(t.Disorder),
        genes=count(t.Gene),
        withdrawn=session.scalar(
            sa.select(sa.func.count()).select_from(t.Patient).where(~consents())
        )
        or 0,
    )


def list_patients(
    session: Session,
    *,
    disorder: str | None = None,
    cohort: str | None = None,
    gene: str | None = None,
    containing: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Iterator[PatientSummary]:
    """Patients by identifier, all or those of a disorder or cohort; an empty one: of none. `gene`:
    only those of a gene, by its symbol; `containing`: only those whose identifier has that text in
    it, in any case. `after`: only those whose identifier comes later, whether or not there is
    somebody of that one."""
    query = (
        sa.select(t.Patient, sa.func.count(t.Photo.id))
        .outerjoin(t.Patient.photos)
        .group_by(t.Patient.id)
        .order_by(t.Patient.external_id)
        .options(selectinload(t.Patient.diagnoses))
        .limit(limit)
    )
    if disorder is not None:
        has = sa.select(t.Diagnosis.patient_id).join(t.Diagnosis.disorder)
        wanted = has.where(t.Disorder.code == disorder) if disorder else has
        in_wanted = t.Patient.id.in_(wanted)
        query = query.where(in_wanted if disorder else ~in_wanted)
    if gene is not None:
        query = query.where(t.Patient.genes.any(t.Gene.symbol == gene))
    if containing:
        query = query.where(t.Patient.external_id.icontains(containing, autoescape=True))
    if after is not None:
        query = query.where(t.Patient.external_id > after)
    if cohort is not None:
        query = query.where(t.Patient.cohort == (cohort or None))
    for row, photos in session.execute(query):
        yield PatientSummary(
            patient=row.external_id,
            disorders=tuple(sorted(diagnosis.disorder.code for diagnosis in row.diagnoses)),
            sex=row.sex,
            ancestry=row.ancestry,
            cohort=row.cohort,
            family=row.family,
            photos=photos,
            consent=row.consent,
        )


def patient_detail(session: Session, patient: str) -> PatientRecord:
    """All that the gallery says of a patient. Raises `NotInGallery`."""
    row = session.scalars(
        sa.select(t.Patient)
        .where(t.Patient.external_id == patient)
        .options(selectinload(t.Patient.photos).selectinload(t.Photo.faces))
    ).one_or_none()
    if row is None:
        raise NotInGallery(
            f"There is no patient {patient!r}.", "`gestalt index list` shows all patients."
        )
    models = {space.id: space.model for space in spaces(session)}
    faces = [face.id for photo in row.photos for face in photo.faces]
    runs, cropped = runs_of_faces(session, faces), faces_with_crop(session, faces)
    return PatientRecord(
        patient=row.external_id,
        disorders=tuple(sorted((d.disorder.code, d.disorder.name) for d in row.diagnoses)),
        genes=tuple(gene.symbol for gene in row.genes),
        sex=row.sex,
        ancestry=row.ancestry,
        cohort=row.cohort,
        consent=row.consent,
        family=row.family,
        hpo=tuple(term.term for term in row.phenotypes if term.present),
        hpo_absent=tuple(term.term for term in row.phenotypes if not term.present),
        added_at=row.added_at,
        photos=tuple(_photo_detail(photo, models, runs, cropped) for photo in row.photos),
    )


def _photo_detail(
    photo: t.Photo,
    models: dict[int, str],
    runs: dict[tuple[int, int], EncodingRun | None],
    cropped: Collection[int],
) -> PhotoDetail:
    face = photo.faces[0]
    made = sorted(
        ((models[space], run) for (of, space), run in runs.items() if of == face.id),
        key=lambda pair: pair[0],
    )
    return PhotoDetail(
        name=photo.name,
        sha256=photo.sha256,
        age=photo.age,
        site=photo.site,
        added_at=photo.added_at,
        detector=face.detector,
        step=face.step,
        score=face.score,
        face=face.number,
        faces=face.count,
        box=tuple(face.box),
        sharpness=face.sharpness,
        size=face.size,
        yaw=face.yaw,
        roll=face.roll,
        crop_kept=face.id in cropped,
        spaces=tuple(model for model, _ in made),
        runs=tuple(run for _, run in made),
    )


def integers(rows: Iterable[Sequence[int]]) -> Ids:
    """Pairs as `(n, 2)`. Flat first: NumPy looks into every row for array interfaces otherwise."""
    return np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 2)
