"""A sample of stored descriptors with the crops that they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.devices import Precision
from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks
from gestalt_space.store.crops import crops_of, has_crop


@dataclass(frozen=True, slots=True)
class KeptCrop:
    """A stored descriptor, the precision that it was made in, None where that is not recorded, and
    its crop as PNG, empty where it is missing or damaged outside the database. `title`: photo and
    patient, for people."""

    title: str
    vector: bytes
    precision: Precision | None
    png: bytes


def draw_described(session: Session, space_id: int, count: int, seed: int) -> list[int]:
    """The keys of so many descriptors of a space whose crops are kept, drawn by a seed, ascending;
    all of them where there are fewer."""
    kept = has_crop(t.Descriptor.face_id)
    query = sa.select(t.Descriptor.id).where(t.Descriptor.space_id == space_id, kept)
    rows = session.scalars(query.execution_options(yield_per=8192))
    keys = np.sort(np.fromiter(rows, dtype=np.int64))
    drawn = np.random.default_rng(seed).choice(keys, min(count, len(keys)), replace=False)
    return sorted(int(key) for key in drawn)


def kept_crops(session: Session, descriptors: Sequence[int]) -> list[KeptCrop]:
    """The descriptors of those keys with their crops, in order. Raises `CropStoreError`."""
    found: list[KeptCrop] = []
    for some in chunks(descriptors):
        rows = session.execute(
            sa.select(
                t.Photo.name,
                t.Patient.external_id,
                t.Descriptor.vector,
                t.EncodingRun.precision,
                t.Face.id,
            )
            .join(t.Face, t.Face.id == t.Descriptor.face_id)
            .join(t.Photo, t.Photo.id == t.Face.photo_id)
            .join(t.Patient, t.Patient.id == t.Photo.patient_id)
            .outerjoin(t.EncodingRun, t.EncodingRun.id == t.Descriptor.run_id)
            .where(t.Descriptor.id.in_(some))
            .order_by(t.Descriptor.id)
        ).all()
        pngs = crops_of(session, [row[-1] for row in rows])
        found += [
            KeptCrop(f"{photo} ({patient})", vector, precision, pngs[face])
            for photo, patient, vector, precision, face in rows
            if face in pngs
        ]
    return found
