"""What an export has of patients, named by their identifiers and never by our keys. Patients whose
consent is withdrawn are in none of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.errors import CropStoreError, NotInGallery
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.consent import withdrawn_error
from gestalt_space.store.crops import crops_of
from gestalt_space.types import WITHDRAWN

Row = tuple[Any, ...]
_PHOTO = tuple(
    getattr(t.Photo, name)
    for name in ("sha256", "name", "age", "site", "width", "height", "added_at")
)
_FACE = tuple(
    getattr(t.Face, name)
    for name in (
        *("number", "count", "detector", "step", "score", "box", "landmarks"),
        *("sharpness", "size", "yaw", "roll"),
    )
)


@dataclass(frozen=True, slots=True)
class Exported:
    """A patient of an export, by key in the database and by identifier."""

    key: int
    patient: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is in an export, in the order of their identifiers; `withdrawn`: how many others were
    chosen, and are left out since their consent is withdrawn."""

    patients: tuple[Exported, ...]
    withdrawn: int


@dataclass(frozen=True, slots=True)
class ExportedPhoto:
    """A photo of an export: keys in the database, and what its rows in all tables begin with."""

    key: int
    face: int
    patient: str
    sha256: str


def exported_patients(
    session: Session, patients: Collection[str] = (), cohorts: Collection[str] = ()
) -> Choice:
    """The patients of an export: all, or those that are named or in a cohort that is.

    Raises `NotInGallery`, and `ConsentWithdrawn` for a patient who is named and may not be
    exported.
    """
    people = t.Patient
    rows = session.execute(
        sa.select(people.id, people.external_id, people.cohort, _may_be_exported())
    ).all()
    for name, wanted, known in (
        ("patient", patients, {row[1] for row in rows}),
        ("cohort", cohorts, {row[2] for row in rows}),
    ):
        if missing := [one for one in wanted if one not in known]:
            raise NotInGallery(
                f"The gallery has no {name} {missing[0]!r}.", "`gestalt index list` lists patients."
            )
    is_all = not patients and not cohorts
    chosen = [row for row in rows if is_all or row[1] in patients or row[2] in cohorts]
    left_out = {name for _, name, _, may in chosen if not may}
    if refused := [one for one in patients if one in left_out]:
        raise withdrawn_error(refused[0])
    taken = sorted((name, key) for key, name, _, may in chosen if may)
    return Choice(tuple(Exported(key, name) for name, key in taken), len(left_out))


def count_still_exported(session: Session, chosen: Sequence[Exported]) -> int:
    """How many of the patients of an export are there now and may be exported."""
    may = sa.select(t.Patient.id, t.Patient.external_id).where(_may_be_exported())
    allowed = {Exported(*row) for row in session.execute(may)}
    return len(allowed.intersection(chosen))


def _may_be_exported() -> sa.ColumnElement[bool]:
    """Whether nothing of a patient is withheld."""
    return sa.and_(
        sa.func.coalesce(t.Patient.consent, "") != WITHDRAWN,
        t.Patient.id.not_in(
            sa.select(t.Photo.patient_id)
            .join(t.Face, t.Face.photo_id == t.Photo.id)
            .join(t.Withheld, t.Withheld.face_id == t.Face.id)
        ),
    )


def fact_rows(session: Session, some: Sequence[Exported]) -> dict[str, list[Row]]:
    """The rows of at most `AT_ONCE` patients in the tables about them, by the table's name."""
    keys = [one.key for one in some]
    names = {one.key: one.patient for one in some}
    of = t.Patient.id.in_(keys)
    people = session.execute(
        sa.select(
            t.Patient.external_id,
            *(t.Patient.sex, t.Patient.ancestry, t.Patient.cohort, t.Patient.consent),
            *(t.Patient.family, t.Patient.added_at),
        ).where(of)
    )
    diagnoses = session.execute(
        sa.select(t.Diagnosis.patient_id, t.Disorder.code, t.Diagnosis.certainty)
        .join(t.Disorder, t.Disorder.id == t.Diagnosis.disorder_id)
        .where(t.Diagnosis.patient_id.in_(keys))
    )
    genes = session.execute(
        sa.select(t.patient_gene.c.patient_id, t.Gene.symbol)
        .join(t.Gene, t.Gene.id == t.patient_gene.c.gene_id)
        .where(t.patient_gene.c.patient_id.in_(keys))
    )
    terms = session.execute(
        sa.select(t.PhenotypeTerm.patient_id, t.PhenotypeTerm.term, t.PhenotypeTerm.present).where(
            t.PhenotypeTerm.patient_id.in_(keys)
        )
    )
    return {
        "patients": sorted(tuple(row) for row in people),
        "diagnoses": sorted((names[key], *rest) for key, *rest in diagnoses),
        "patient_genes": sorted((names[key], *rest) for key, *rest in genes),
        "terms": sorted((names[key], *rest) for key, *rest in terms),
    }


def photo_rows(
    session: Session, some: Sequence[Exported]
) -> Iterator[tuple[ExportedPhoto, Row, Row]]:
    """The photos of at most `AT_ONCE` patients, each with its row in `photos` and in `faces`, in
    the order of patient and sha256."""
    names = {one.key: one.patient for one in some}
    order = session.execute(
        sa.select(t.Photo.patient_id, t.Photo.sha256, t.Photo.id).where(
            t.Photo.patient_id.in_(list(names))
        )
    )
    ids = [key for _, _, key in sorted((names[one], digest, key) for one, digest, key in order)]
    for few in chunks(ids):
        rows = session.execute(
            sa.select(t.Photo.id, t.Face.id, t.Photo.patient_id, *_PHOTO, *_FACE)
            .join(t.Face, t.Face.photo_id == t.Photo.id)
            .where(t.Photo.id.in_(few))
        )
        found = {row[0]: row for row in rows}
        for key in few:
            _, face, patient, sha256, *facts = found[key]
            photo = ExportedPhoto(key, face, names[patient], sha256)
            of_photo = (names[patient], sha256, *facts[: len(_PHOTO) - 1])
            yield photo, of_photo, (names[patient], sha256, *_face_facts(facts[len(_PHOTO) - 1 :]))


def crop_rows(session: Session, photos: Sequence[ExportedPhoto]) -> Iterator[Row]:
    """Patient, sha256 and PNG of the photos whose crop was kept, in their order. Raises
    `CropStoreError`, also where one of them is missing or damaged outside the database."""
    for few in chunks(photos):
        found = crops_of(session, [photo.face for photo in few])
        if lost := [photo for photo in few if found.get(photo.face) == b""]:
            raise CropStoreError(
                f"The crop of a photo of patient {lost[0].patient} is missing or damaged.",
                "`gestalt index crops check` lists all of them; --no-crops exports without crops.",
            )
        for photo in few:
            if photo.face in found:
                yield photo.patient, photo.sha256, found[photo.face]


def descriptor_rows(
    session: Session, photos: Sequence[ExportedPhoto], space_id: int
) -> Iterator[Row]:
    """Patient, sha256, descriptor as bytes, and the four facts of its encoding run, None where they
    are not recorded, in the order of the photos."""
    run = t.EncodingRun
    for few in chunks(photos):
        rows = session.execute(
            sa.select(
                t.Descriptor.face_id,
                t.Descriptor.vector,
                *(run.precision, run.device, run.runtime, run.version),
            )
            .outerjoin(run, run.id == t.Descriptor.run_id)
            .where(
                t.Descriptor.space_id == space_id,
                t.Descriptor.face_id.in_([photo.face for photo in few]),
            )
        )
        found = {row[0]: tuple(row[1:]) for row in rows}
        for photo in few:
            if photo.face in found:
                yield photo.patient, photo.sha256, *found[photo.face]


def disorder_rows(session: Session, codes: Collection[str]) -> dict[str, list[Row]]:
    """Names and genes of disorders by their codes, as rows of two tables."""
    names: list[Row] = []
    genes: list[Row] = []
    for some in chunks(sorted(codes)):
        of = t.Disorder.code.in_(some)
        names += map(tuple, session.execute(sa.select(t.Disorder.code, t.Disorder.name).where(of)))
        links = (
            sa.select(t.Disorder.code, t.Gene.symbol)
            .join(t.disorder_gene, t.disorder_gene.c.disorder_id == t.Disorder.id)
            .join(t.Gene, t.Gene.id == t.disorder_gene.c.gene_id)
            .where(of)
        )
        genes += map(tuple, session.execute(links))
    return {"disorders": sorted(names), "disorder_genes": sorted(genes)}


def _face_facts(facts: Sequence[Any]) -> Row:
    *place, box, landmarks, sharpness, size, yaw, roll = facts
    points = [float(value) for point in landmarks for value in point]
    return *place, [float(value) for value in box], points, sharpness, size, yaw, roll
