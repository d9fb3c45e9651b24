"""Which patients a model was trained on: events of the audit trail, from which it is read again.

Patients stand there by their keyed hashes, and leave it when they leave the gallery.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.chunks import chunks
from gestalt_space.store.copied import COPY, MODELS, TRAIN


def record_training(
    session: Session,
    patients: Sequence[str],
    path: str,
    *,
    space: str = "",
    classifier: str = "",
) -> None:
    """Note the patients, by identifier, on whom a model was trained. `path`: of the folder;
    `space`, `classifier`: the fingerprint of the encoder's space or of the classifier, neither for
    a training that begins."""
    keys: list[int] = []
    for some in chunks(patients):
        query = sa.select(t.Patient.id).where(t.Patient.external_id.in_(some))
        keys += session.scalars(query)
    of = {"space": space, "classifier": classifier}
    told = {name: fingerprint for name, fingerprint in of.items() if fingerprint}
    record_event(session, TRAIN, patients=keys, detail={**told, "path": path})


def trained_on(session: Session, models: Collection[str]) -> frozenset[str]:
    """The patients of the gallery, by identifier, on whom one of these models was trained, as far
    as this gallery knows. `models`: fingerprints of spaces and classifiers."""
    patients = session.scalars(
        sa.select(t.Patient.external_id)
        .join(t.Pseudonym, t.Pseudonym.patient_id == t.Patient.id)
        .join(t.AuditSubject, t.AuditSubject.subject == t.Pseudonym.subject)
        .where(t.AuditSubject.event_id.in_(_events_of(session, models)))
    )
    return frozenset(patients)


def is_training_noted(session: Session, model: str) -> bool:
    """Whether the gallery knows on which of its patients a model was trained."""
    return bool(_events_of(session, [model]))


def _events_of(session: Session, models: Collection[str]) -> list[int]:
    """The events that tell of the finished training of a model."""
    event, detail = t.AuditEvent, t.AuditEvent.detail
    is_of = sa.or_(*(detail[name].as_string().in_(list(models)) for name in MODELS))
    noted = sa.select(event.id).where(event.action == TRAIN, is_of)
    # One whose path named somebody who was erased was noted anew.
    anew = sa.select(detail["of"].as_integer()).where(event.action == COPY, is_of)
    return [*session.scalars(noted), *session.scalars(anew)]
