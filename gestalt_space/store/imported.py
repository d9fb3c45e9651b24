"""What comes of another gallery, and what of it contradicts this one: records, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gestalt_space.types import Descriptors, EncodingRun, Face, PhotoRecord

ConflictKind = Literal["patient", "consent", "photo", "owner", "descriptor", "disorder", "space"]
"""What contradicts: facts of a patient, a consent that is withdrawn, facts or the face of a photo,
whose a photo is, a descriptor, the name of a disorder, or the space of a model."""


@dataclass(frozen=True, slots=True)
class ImportedSpace:
    """A space of another gallery, as in `tables.Space`."""

    fingerprint: str
    model: str
    specification: str
    dim: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class ImportedPatient:
    """A patient of another gallery: facts as of a photo without a name; `certainties` of the
    diagnoses by disorder."""

    record: PhotoRecord
    certainties: Mapping[str, str]
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ImportedPhoto:
    """A photo of another gallery. `descriptors`: `(d,)` by the space's fingerprint, with what each
    was made with, None where that is not recorded."""

    patient: str
    sha256: str
    name: str
    age: float | None
    site: str | None
    width: int
    height: int
    added_at: datetime
    face: Face
    crop: bytes | None
    descriptors: Mapping[str, tuple[Descriptors, EncodingRun | None]]


@dataclass(frozen=True, slots=True)
class Conflict:
    """What an import contradicts. `patient` and `photo` are empty where it is about none; `reason`
    in words."""

    kind: ConflictKind
    patient: str
    photo: str
    reason: str
