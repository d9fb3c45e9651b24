"""A gallery of many made-up patients, put into an empty database quickly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.encoders.registry import encoder_spec
from gestalt_space.home import Gallery
from gestalt_space.store import tables as t
from gestalt_space.store import writes
from gestalt_space.store.postgres import count_keys_on
from gestalt_space.types import Descriptors, Ids

AT_ONCE = 10_000
FACE = {
    "number": 1,
    "count": 1,
    "detector": "made",
    "step": "made",
    "score": 1.0,
    "box": [0, 0, 1, 1],
    "landmarks": [[1, 1], [2, 1], [1.5, 1.5], [1, 2], [2, 2]],
    "sharpness": 1.0,
    "size": 1.0,
    "yaw": 0.0,
    "roll": 0.0,
}


def insert_many(
    session: Session, patient_of: Ids, vectors: Descriptors, *, space_id: int, disorders: int
) -> None:
    """A photo, a face and a descriptor for each of the vectors `(n, d)`, of patient `P` and the
    number `(n,)` from 0; patients have disorders `D` and gene `G` in turn."""
    patients = [int(number) for number in np.unique(patient_of)]
    last = len(vectors)
    keys = range(1, last + 1)
    _put(session, t.Disorder, ({"id": k + 1, "code": f"D{k:05d}"} for k in range(disorders)))
    _put(session, t.Gene, ({"id": k + 1, "symbol": f"G{k:05d}"} for k in range(disorders)))
    _put(
        session,
        t.Patient,
        ({"id": k + 1, "external_id": f"P{k:06d}", "sequence": last} for k in patients),
    )
    _put(
        session,
        t.Diagnosis,
        ({"patient_id": k + 1, "disorder_id": k % disorders + 1} for k in patients),
    )
    for table, key in ((t.patient_gene, "patient_id"), (t.disorder_gene, "disorder_id")):
        whose = patients if key == "patient_id" else range(disorders)
        _put(session, table, ({key: k + 1, "gene_id": k % disorders + 1} for k in whose))
    _put(
        session,
        t.Photo,
        (
            {
                "id": k,
                "patient_id": int(patient_of[k - 1]) + 1,
                "name": f"{k}.png",
                "sha256": f"{k:064x}",
                "width": 1,
                "height": 1,
                "sequence": last,
            }
            for k in keys
        ),
    )
    _put(session, t.Face, ({"id": k, "photo_id": k, **FACE} for k in keys))
    _put(
        session,
        t.Descriptor,
        (
            {
                "id": k,
                "face_id": k,
                "space_id": space_id,
                "sequence": k,
                "vector": vectors[k - 1].astype("<f4", copy=False).tobytes(),
            }
            for k in keys
        ),
    )
    session.execute(sa.update(t.Change).values(sequence=last))
    if session.get_bind().dialect.name == "postgresql":
        count_keys_on(session)


def fill_gallery(gallery: Gallery, patient_of: Ids, vectors: Descriptors, disorders: int) -> None:
    """The same in the space of a gallery without photos, with the index on disk."""
    spec = encoder_spec(gallery.space.model)
    gallery.database.make()
    with gallery.database.writing() as session:
        space_id = writes.add_space(
            session,
            model=gallery.space.model.name,
            fingerprint=spec.fingerprint,
            specification=spec.to_json(),
            dim=vectors.shape[1],
        )
        insert_many(session, patient_of, vectors, space_id=space_id, disorders=disorders)
    gallery.rebuild()


def _put(
    session: Session, table: type[t.Base] | sa.Table, rows: Iterable[Mapping[str, Any]]
) -> None:
    rows = iter(rows)
    while some := list(islice(rows, AT_ONCE)):
        session.execute(sa.insert(table), some)
