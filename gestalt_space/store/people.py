"""Who the patients of a space's descriptors are, and to what they belong: the rows that rankings,
filters and strata are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.reads import StoredSpace, consents
from gestalt_space.types import Ids

By = Literal["disorder", "gene", "patient"]
Texts: TypeAlias = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What is known of patients, each `(p,)`; an empty text where it is not. Patients of one
    `family` share its name."""

    sex: Texts
    ancestry: Texts
    cohort: Texts
    consent: Texts
    family: Texts


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What is known of photos, each `(n,)`. `ages` in years, NaN where it is not known; `sites`:
    where and with what each was taken, an empty text where it is not known."""

    names: Texts
    ages: NDArray[np.float64]
    sites: Texts


@dataclass(frozen=True, slots=True)
class Matchable:
    """How many patients with a face could be ranked: those whose consent is not withdrawn, and
    those whose is."""

    consenting: int
    withdrawn: int


def matchable(session: Session, by: By) -> Matchable:
    """The patients with a face who have what is ranked: a disorder, a gene of their own, or, by
    patient, nothing more."""
    has_face = t.Patient.id.in_(sa.select(t.Photo.patient_id).join(t.Photo.faces))
    has: dict[By, sa.ColumnElement[bool]] = {
        "disorder": t.Patient.id.in_(sa.select(t.Diagnosis.patient_id)),
        "gene": t.Patient.id.in_(sa.select(t.patient_gene.c.patient_id)),
        "patient": sa.true(),
    }
    query = sa.select(sa.func.count(t.Patient.id)).where(has_face, has[by])
    return Matchable(
        session.scalars(query.where(consents())).one(),
        session.scalars(query.where(~consents())).one(),
    )


def family_numbers(names: Texts) -> NDArray[np.int64]:
    """`(p,)`: the number, from 0, of each patient's family, by its name; a patient whose family is
    not known (an empty text) is one alone."""
    alone = np.array([f"\0{place}" for place in range(len(names))], dtype=np.str_)
    named = np.where(names == "", alone.reshape(names.shape), names)
    return np.unique(named, return_inverse=True)[1].astype(np.int64)


def families(session: Session, keys: Sequence[int]) -> Texts:
    """The names of patients' families `(p,)`, in the order of their keys."""
    rows = session.execute(sa.select(t.Patient.id, t.Patient.family))
    known = {key: family or "" for key, family in rows}
    return np.array([known[key] for key in keys], dtype=np.str_)


def patient_facts(session: Session, keys: Sequence[int]) -> PatientFacts:
    """What is known of patients, in the order of their keys."""
    columns = (
        t.Patient.sex,
        t.Patient.ancestry,
        t.Patient.cohort,
        t.Patient.consent,
        t.Patient.family,
    )
    known = {row[0]: row[1:] for row in session.execute(sa.select(t.Patient.id, *columns))}
    rows = [[text or "" for text in known[key]] for key in keys]
    table = np.array(rows, dtype=np.str_).reshape(len(rows), len(columns))
    return PatientFacts(*table.T)


def photo_facts(session: Session, space: StoredSpace, descriptor_ids: Ids) -> PhotoFacts:
    """What is known of the photos of a space's descriptors, in the order of the descriptors."""
    found = session.execute(
        sa.select(t.Descriptor.id, t.Photo.name, t.Photo.age, t.Photo.site)
        .join(t.Face, t.Face.id == t.Descriptor.face_id)
        .join(t.Photo, t.Photo.id == t.Face.photo_id)
        .where(t.Descriptor.space_id == space.id)
    )
    known = {key: (name, age, site or "") for key, name, age, site in found}
    rows = [known[int(key)] for key in descriptor_ids]
    return PhotoFacts(
        names=np.array([name for name, _, _ in rows], dtype=np.str_),
        ages=np.array([np.nan if age is None else age for _, age, _ in rows], dtype=np.float64),
        sites=np.array([site for _, _, site in rows], dtype=np.str_),
    )


def present_terms(session: Session) -> dict[str, tuple[str, ...]]:
    """The HPO terms that are present in patients, by their identifiers, ascending. Patients without
    any are left out."""
    rows = session.execute(
        sa.select(t.Patient.external_id, t.PhenotypeTerm.term)
        .join(t.PhenotypeTerm, t.PhenotypeTerm.patient_id == t.Patient.id)
        .where(t.PhenotypeTerm.present)
        .order_by(t.PhenotypeTerm.term)
    )
    found: dict[str, list[str]] = {}
    for patient, term in rows:
        found.setdefault(patient, []).append(term)
    return {patient: tuple(terms) for patient, terms in found.items()}
