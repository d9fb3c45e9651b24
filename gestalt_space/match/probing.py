"""A photo as a probe: whose it is, and which stored photos are copies of it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.gallery.copies import Copy, find_copies, look_of
from gestalt_space.gallery.pipeline import PhotoResult
from gestalt_space.gallery.snapshot import Snapshot
from gestalt_space.match.answer import ProbePhoto
from gestalt_space.match.matching import Probe, Seen
from gestalt_space.store import reads
from gestalt_space.store.engine import Database


def probe_of(session: Session | None, result: PhotoResult) -> Probe:
    """A photo as a probe, of the patient whom its face is stored for, if it is.

    `session` is None where there is no gallery yet.
    """
    name, face = result.source.name, result.face
    if face is None or result.descriptor is None:
        return Probe(name, (ProbePhoto(name, face, result.error),), result.descriptor, None)
    own = None if session is None else reads.patient_of_face(session, result.sha256, face)
    return Probe(
        name,
        (ProbePhoto(name, face.without_crop()),),
        result.descriptor,
        None if own is None else own.identifier,
        (Seen(result.descriptor, look_of(face.crop)),),
    )


def copies_of_probe(
    database: Database,
    snapshot: Snapshot,
    without: Collection[str],
    asked: Probe,
    similarities: NDArray[np.float32],
) -> tuple[Copy, ...]:
    """Stored photos that are copies of one of the probe's own, but for those of its own patient and
    of patients whom the question goes `without`.

    `similarities` `(n,)` of the probe to the rows of the snapshot.
    """
    rows = similarities[None]
    if len(asked.seen) > 1:
        rows = snapshot.index.similarities(np.stack([seen.descriptor for seen in asked.seen]))
    found: dict[tuple[str, str], Copy] = {}
    known = {*without, *([] if asked.own is None else [asked.own])}
    with database.reading() as session:
        for seen, row in zip(asked.seen, rows, strict=True):
            for copy in find_copies(session, seen.look, row, snapshot.index.ids, not_of=known):
                found.setdefault((copy.patient, copy.photo), copy)
    return tuple(found.values())
