"""Which patients an encoder was trained on: events of the audit trail, from which it is read again.

Patients stand there by their keyed hashes, and leave it when they leave the gallery.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.chunks import chunks
from gestalt_space.store.copied import COPY, TRAIN


def record_training(session: Session, patients: Sequence[str], space: str, path: str) -> None:
    """Note the patients, by identifier, on whom the encoder of a space was trained. `space`: its
    fingerprint, empty for a classifier, and for a training that begins; `path`: of the folder."""
    keys: list[int] = []
    for some in chunks(patients):
        query = sa.select(t.Patient.id).where(t.Patient.external_id.in_(some))
        keys += session.scalars(query)
    of = {"space": space} if space else {}
    record_event(session, TRAIN, patients=keys, detail={**of, "path": path})


def trained_on(session: Session, spaces: Collection[str]) -> frozenset[str]:
    """The patients of the gallery, by identifier, on whom the encoder of one of these spaces was
    trained, as far as this gallery knows."""
    event, detail = t.AuditEvent, t.AuditEvent.detail
    is_of = detail["space"].as_string().in_(list(spaces))
    noted = sa.select(event.id).where(event.action == TRAIN, is_of)
    # One whose path named somebody who was erased was noted anew.
    anew = sa.select(detail["of"].as_integer()).where(event.action == COPY, is_of)
    events = [*session.scalars(noted), *session.scalars(anew)]
    patients = session.scalars(
        sa.select(t.Patient.external_id)
        .join(t.Pseudonym, t.Pseudonym.patient_id == t.Patient.id)
        .join(t.AuditSubject, t.AuditSubject.subject == t.Pseudonym.subject)
        .where(t.AuditSubject.event_id.in_(events))
    )
    return frozenset(patients)
