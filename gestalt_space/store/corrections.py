"""A row about a photo beside what the gallery has of it, facts, age, site and face, and the words
for what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gestalt_space.ages import age_text, same_age
from gestalt_space.errors import GestaltError, PatientConflict
from gestalt_space.same_face import is_same_face, landmarks_moved
from gestalt_space.store import tables as t
from gestalt_space.store.consent import withdrawn_error
from gestalt_space.store.facts import NOTHING, Catalogue, CommandFacts, compare_facts, other_names
from gestalt_space.types import WITHDRAWN, Face, PhotoRecord

DETECTORS_APART = 0.1
"""Landmarks that two detectors find of one face are closer than this, in eye distances."""
POINTS_APART = 0.01
"""Landmarks of a file are somebody's choice: further apart than this they were corrected."""


@dataclass
class RowComparison:
    """A row beside what is stored; see `Differences`. `refused`: why nothing can be done with it.
    `names`: disorders whose name differs; `face`: how the face does, which is among `contradicts`,
    too."""

    refused: PatientConflict | None = None
    contradicts: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    face: tuple[str, ...] = ()
    other_face: bool = False


def compare_row(
    record: PhotoRecord,
    told: CommandFacts,
    face: Face | None,
    *,
    patient: t.Patient | None,
    same_bytes: Mapping[str, t.Photo],
    catalogue: Catalogue,
) -> RowComparison:
    """How a row, and the face that was found for it, differ from what is stored.

    `same_bytes`: the stored photos of the same bytes, by patient.
    """
    known = same_bytes.get(record.patient)
    found = RowComparison()
    if known is None and record.new_patient and patient is not None:
        found.refused = _name_taken(record.patient)
        return found
    if patient is not None:
        facts = compare_facts(record, told, patient, emptied=known is not None)
        found.contradicts, found.adds, found.lacks = facts.contradicts, facts.adds, facts.lacks
        found.names = tuple(
            f"name of {code}: {old} → {new}" for code, old, new in other_names(record, catalogue)
        )
    if known is not None:
        found.contradicts += (*_other_age(known, record), *_other_site(known, record))
        if known.age is None and record.age is not None:
            found.adds += (f"age {age_text(record.age)}",)
        if known.site is None and record.site is not None:
            found.adds += (f"site {record.site}",)
    if face is not None:
        other = () if known is None else _other_face(known.faces[0], face)
        found.contradicts += other
        found.face, found.other_face = other, bool(other)
        if known is None or found.other_face:
            owner = _owner_of_face(record.patient, face, same_bytes)
            found.refused = None if owner is None else two_owners(record.patient, owner)
    return found


def contradiction(
    record: PhotoRecord, patient: t.Patient | None, differences: Sequence[str]
) -> GestaltError:
    """The refusal of a row that differs from the gallery. Consent is given again by a command of
    its own, not by a row that was written before it was withdrawn."""
    if (
        patient is not None
        and patient.consent == WITHDRAWN
        and record.consent not in (None, WITHDRAWN)
    ):
        return withdrawn_error(record.patient)
    return PatientConflict(
        f"The gallery has other facts of patient {record.patient!r}: {', '.join(differences)}.",
        "If the new values are right, run `gestalt index add` with --update. If not, correct the "
        "row.",
    )


def left_as_it_is(found: RowComparison) -> tuple[str, ...]:
    """What a row does not tell, or tells in other words, and the gallery keeps."""
    lacks = ", ".join(found.lacks)
    kept = [f"The gallery also has {lacks}; --update removes it."] if lacks else []
    return (*kept, *(f"Not changed without --update: {name}." for name in found.names))


def _owner_of_face(patient: str, face: Face, same_bytes: Mapping[str, t.Photo]) -> str | None:
    """Another patient for whom this face of the same bytes is stored."""
    box = [float(v) for v in face.box]
    for owner, row in same_bytes.items():
        stored = row.faces[0]
        if owner != patient and is_same_face(stored.box, stored.landmarks, box, face.landmarks):
            return owner
    return None


def _other_face(stored: t.Face, face: Face) -> tuple[str, ...]:
    """How a face differs from the stored one of its photo, if it is another or lies elsewhere."""
    box = list(map(float, face.box))
    was, now = (f"{one.number} of {one.count} ({one.detector})" for one in (stored, face))
    if not is_same_face(stored.box, stored.landmarks, box, face.landmarks):
        return (f"face: {was} → {now}",)
    moved = landmarks_moved(stored.landmarks, face.landmarks)
    if moved <= (POINTS_APART if face.detector == "landmarks" else DETECTORS_APART):
        return ()
    how = f"{stored.detector} → {face.detector}"
    return (f"landmarks: moved by {moved:.0%} of the distance between the eyes ({how})",)


def _other_age(known: t.Photo, record: PhotoRecord) -> tuple[str, ...]:
    if known.age is None or (record.age is None and "age" not in record.emptied):
        return ()
    if record.age is not None and same_age(known.age, record.age):
        return ()
    now = NOTHING if record.age is None else age_text(record.age)
    return (f"age: {age_text(known.age)} → {now}",)


def _other_site(known: t.Photo, record: PhotoRecord) -> tuple[str, ...]:
    if known.site is None or (record.site is None and "site" not in record.emptied):
        return ()
    same = record.site == known.site
    return () if same else (f"site: {known.site} → {record.site or NOTHING}",)


def two_owners(patient: str, owner: str) -> PatientConflict:
    """The refusal of a face under two patients."""
    return PatientConflict(
        f"You gave it for patient {patient!r}, but the gallery has the same face of the same "
        f"photo for patient {owner!r}.",
        "If the photo shows both, choose the face with --face N, or the column face. If not, "
        f"remove the wrong one: `gestalt index remove --photo NAME --of {owner}`.",
    )


def _name_taken(patient: str) -> PatientConflict:
    return PatientConflict(
        f"By its file name, the photo is of patient {patient!r}, who is already in the gallery.",
        f"If it is the same person, add --patient {patient}. If not, give the patient another id "
        "with --patient.",
    )
