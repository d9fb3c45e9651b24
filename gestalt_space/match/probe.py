"""Probes: a new photo, several photos of one patient, or a patient of the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import GestaltError, NotInGallery, UsageError
from gestalt_space.gallery.copies import Look, look_of, stored_looks
from gestalt_space.gallery.pipeline import PhotoResult
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.exact import TOLERANCE
from gestalt_space.match.answer import ProbePhoto
from gestalt_space.store import reads
from gestalt_space.store.consent import withdrawn_error
from gestalt_space.store.lookups import find_patient
from gestalt_space.store.reads import OwnPatient
from gestalt_space.types import WITHDRAWN, Descriptors, Pixels


@dataclass(frozen=True, slots=True)
class ProbeFace:
    """What a photo of a probe gave: its descriptor `(d,)`, and the look of its aligned face, None
    where that was not kept. `crop`: the aligned face of a new photo; None of a stored one."""

    descriptor: Descriptors
    look: Look | None
    crop: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe: its name, its photos, its descriptor `(d,)` (None if no photo gave one), and the
    patient that it is stored for, who is excluded. `seen`: the faces it was made from.
    """

    name: str
    photos: tuple[ProbePhoto, ...]
    descriptor: Descriptors | None
    own: OwnPatient | None
    seen: tuple[ProbeFace, ...] = ()

    @property
    def error(self) -> GestaltError | None:
        """Why there is no descriptor: that of the first photo."""
        if self.descriptor is not None:
            return None
        return next(photo.error for photo in self.photos)


def fuse(descriptors: Sequence[Descriptors]) -> Descriptors:
    """One descriptor `(d,)` for several photos of one patient: their mean, of unit length.

    Its similarity to a photo is the mean of theirs, but for one factor. Raises `UsageError` where
    the mean has no direction.
    """
    mean = np.mean(descriptors, axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    if length < TOLERANCE:
        raise UsageError(
            "The photos cancel each other out: their mean is zero.",
            "Check that all of them show the same patient.",
        )
    return np.asarray(mean / length, dtype=np.float32)


def as_one_probe(probes: Sequence[Probe]) -> Probe:
    """One probe of several of one patient; photos that failed are told, and left aside.

    Raises `UsageError` where they are stored for several patients.
    """
    owners = {one.own.identifier: one.own for one in probes if one.own is not None}
    if len(owners) > 1:
        first, second = sorted(owners)[:2]
        raise UsageError(
            f"The gallery has these photos for {len(owners)} different patients, including "
            f"{first} and {second}.",
            "Give the photos of one patient at a time.",
        )
    descriptors = [one.descriptor for one in probes if one.descriptor is not None]
    return Probe(
        ", ".join(one.name for one in probes),
        tuple(photo for one in probes for photo in one.photos),
        fuse(descriptors) if descriptors else None,
        next(iter(owners.values()), None),
        tuple(seen for one in probes for seen in one.seen),
    )


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
        own,
        (ProbeFace(result.descriptor, look_of(face.crop), face.crop),),
    )


def stored_probe(session: Session, state: GalleryState, patient: str) -> Probe:
    """A patient of the gallery as a probe, by all photos. Raises `NotInGallery`,
    `ConsentWithdrawn`."""
    detail = reads.patient_detail(session, patient)
    if detail.consent == WITHDRAWN:
        raise withdrawn_error(patient)
    key = find_patient(session, patient)
    rows = state.rows_of(np.array([key], dtype=np.int64))
    if key is None or not len(rows):
        model = state.space.model
        raise NotInGallery(
            f"Patient {patient} has no descriptor in the space of {model}.",
            f"Run `gestalt index fill --space {model}`.",
        )
    vectors = state.vectors_at(rows)
    photos = tuple(ProbePhoto(photo.name) for photo in detail.photos)
    looks = stored_looks(session, state.column_at("ids", rows))
    own = OwnPatient(key, patient, detail.family)
    return Probe(patient, photos, fuse(list(vectors)), own, tuple(map(ProbeFace, vectors, looks)))
