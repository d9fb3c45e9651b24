"""The names of patients in the audit trail: keyed hashes (HMAC, RFC 2104) of their identifiers.

A patient has one of their own, and those of patients who were merged with them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable

import sqlalchemy as sa
from sqlalchemy.orm import Session

from gestalt_space.store import tables as t
from gestalt_space.store.chunks import chunks


def subjects_of(session: Session, patients: Collection[int]) -> list[str]:
    """The keyed hashes of patients' own identifiers, by the patients' keys; made where they have
    none yet."""
    found: dict[int, str] = {}
    for some in chunks(set(patients)):
        query = sa.select(t.Patient.id, t.Patient.external_id).where(t.Patient.id.in_(some))
        names = dict(session.execute(query).all())
        known = sa.select(t.Pseudonym).where(t.Pseudonym.patient_id.in_(some))
        for row in session.scalars(known):
            if _is_of(row, names[row.patient_id]):
                found[row.patient_id] = row.subject
        new: list[dict[str, object]] = []
        for patient, name in names.items():
            if patient not in found:
                key = secrets.token_bytes(32)
                found[patient] = _hash(key, name)
                new.append({"subject": found[patient], "patient_id": patient, "key": key})
        if new:
            session.execute(sa.insert(t.Pseudonym), new)
    return list(found.values())


def hand_over(session: Session, patient: int, to: int) -> None:
    """Let the names of a patient, by key, be those of another: they turned out to be one."""
    session.execute(
        sa.update(t.Pseudonym).where(t.Pseudonym.patient_id == patient).values(patient_id=to)
    )


def claim(session: Session, patient: int, name: str, of: Iterable[int]) -> None:
    """Give a patient of that identifier the names that were made of it and that some other patients
    hold, by their keys: they turned out to be two."""
    held = sa.select(t.Pseudonym).where(t.Pseudonym.patient_id.in_(list(of)))
    for row in session.scalars(held):
        if _is_of(row, name):
            row.patient_id = patient
    session.flush()


def holders(session: Session, subjects: Collection[str]) -> dict[str, str]:
    """Who has keyed hashes: the identifiers of patients who are in the gallery, by hash."""
    found: dict[str, str] = {}
    for some in chunks(subjects):
        rows = session.execute(
            sa.select(t.Pseudonym.subject, t.Patient.external_id)
            .join(t.Patient, t.Patient.id == t.Pseudonym.patient_id)
            .where(t.Pseudonym.subject.in_(some))
        )
        found.update(rows.all())
    return found


def _is_of(row: t.Pseudonym, name: str) -> bool:
    return hmac.compare_digest(row.subject, _hash(row.key, name))


def _hash(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
