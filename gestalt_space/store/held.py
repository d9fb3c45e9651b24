"""What the gallery holds of those whom rows are about: their photos, their facts, and the disorders
and genes that the rows name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.facts import Catalogue, load_catalogue
from gestalt_space.types import PhotoRecord


@dataclass
class Held:
    """`photos`: by sha256 and the patient's identifier; `patients`: by identifier."""

    photos: dict[str, dict[str, t.Photo]]
    patients: dict[str, t.Patient]
    catalogue: Catalogue


def load_held(session: Session, hashes: Collection[str], records: Collection[PhotoRecord]) -> Held:
    """What is there of photos by their sha256, and of what records are about."""
    known: dict[str, dict[str, t.Photo]] = defaultdict(dict)
    for some in chunks(set(hashes)):
        rows = session.scalars(
            sa.select(t.Photo)
            .where(t.Photo.sha256.in_(some))
            .options(selectinload(t.Photo.faces), selectinload(t.Photo.patient))
        )
        for photo in rows:
            known[photo.sha256][photo.patient.external_id] = photo
    patients: dict[str, t.Patient] = {}
    for names in chunks({record.patient for record in records}):
        people = session.scalars(
            sa.select(t.Patient)
            .where(t.Patient.external_id.in_(names))
            .options(
                selectinload(t.Patient.diagnoses),
                selectinload(t.Patient.phenotypes),
                selectinload(t.Patient.genes),
            )
        )
        patients.update((patient.external_id, patient) for patient in people)
    return Held(known, patients, load_catalogue(session, records))
