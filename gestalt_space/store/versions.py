"""Versions of a patient, so that a change that was made from an older one is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy.orm import Session

from gestalt_space.errors import ChangedMeanwhile
from gestalt_space.names import normal_name
from gestalt_space.store.reads import PatientRecord, patient_detail

_OF_ENCODERS = ("spaces", "runs")


def version_of(patient: PatientRecord) -> str:
    """The version of a patient, 32 hexadecimal digits: another one as soon as a fact or a photo is
    another. Descriptors do not count."""
    told = asdict(patient)
    for photo in told["photos"]:
        for name in _OF_ENCODERS:
            del photo[name]
    text = json.dumps(told, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_version(session: Session, patient: str, version: str) -> None:
    """Raise `ChangedMeanwhile` for a patient who is not of that version any more, `NotInGallery`
    for one who is not there. In the transaction that changes them."""
    if version_of(patient_detail(session, patient)) != version:
        raise ChangedMeanwhile(
            f"Patient {patient!r} was changed meanwhile.",
            "Nothing was changed now. Look at the patient again, and correct what is there.",
        )


def check_versions(session: Session, versions: Mapping[str, str]) -> None:
    """Raise as `check_version` does, for several patients."""
    for patient, version in versions.items():
        check_version(session, normal_name(patient), version)
