"""A photo as a probe: whose it is, and which stored photos are copies of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.copies import Copy, find_copies, look_of
from gestalt_space.errors import UsageError
from gestalt_space.matches import ProbePhoto
from gestalt_space.matching import Asked, Seen
from gestalt_space.pipeline import PhotoResult
from gestalt_space.snapshot import Snapshot
from gestalt_space.store import reads
from gestalt_space.store.engine import Database


def probe_of(session: Session | None, result: PhotoResult, of: str | None) -> Asked:
    """A photo as a probe: `of` a patient, or of the one whom its face is stored for.

    `session` is None where there is no gallery yet. Raises `UsageError` where it is stored for
    another patient than it is said to be of.
    """
    name, face = result.source.name, result.face
    if face is None or result.descriptor is None:
        return Asked(name, (ProbePhoto(name, face, result.error),), result.descriptor, of)
    own = None if session is None else reads.patient_of_face(session, result.sha256, face)
    if None not in (of, own) and of != own:
        raise UsageError(
            f"The photo {name} is stored for patient {own}, not for {of}.",
            f"Give --of {own}, or leave it out.",
        )
    return Asked(
        name,
        (ProbePhoto(name, face.without_crop()),),
        result.descriptor,
        own or of,
        (Seen(result.descriptor, look_of(face.crop)),),
    )


def copies_of_probe(
    database: Database, snapshot: Snapshot, asked: Asked, similarities: NDArray[np.float32]
) -> tuple[Copy, ...]:
    """Stored photos, of others than the probe's own patient, that are copies of one of its own.

    `similarities` `(n,)` of the probe to the rows of the snapshot.
    """
    rows = similarities[None]
    if len(asked.seen) > 1:
        rows = snapshot.index.similarities(np.stack([seen.descriptor for seen in asked.seen]))
    found: dict[tuple[str, str], Copy] = {}
    with database.reading() as session:
        for seen, row in zip(asked.seen, rows, strict=True):
            for copy in find_copies(session, seen.look, row, snapshot.index.ids, not_of=asked.own):
                found.setdefault((copy.patient, copy.photo), copy)
    return tuple(found.values())
