"""What goes into the database: batches of photos, descriptors, spaces, and the trail of both.

A photo is checked against the gallery before anything of it is written, so that one that is
refused leaves no trace. `corrections` compares, `removals` takes out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from gestalt_space.descriptors import check_descriptors
from gestalt_space.errors import GestaltError, NotInGallery
from gestalt_space.store import tables as t
from gestalt_space.store.audit import record_event
from gestalt_space.store.chunks import chunks
from gestalt_space.store.consent import settle_consents, withdrawn_error
from gestalt_space.store.corrections import compare_row, contradiction, left_as_it_is
from gestalt_space.store.crops import object_row
from gestalt_space.store.differences import differences
from gestalt_space.store.facts import (
    Catalogue,
    CommandFacts,
    add_facts,
    replace_facts,
    undo_links,
)
from gestalt_space.store.held import load_held
from gestalt_space.store.past import Past, Scope, loaded, part_of, take
from gestalt_space.store.purges import note_purge
from gestalt_space.store.removals import log_removals, remove_faces, remove_unused
from gestalt_space.store.sequence import begin_epoch, number_changes
from gestalt_space.types import WITHDRAWN, CropObject, Descriptors, Face, PhotoRecord


@dataclass(frozen=True, slots=True)
class EncodedFace:
    """A photo's face and descriptor `(d,)`. `crop`, if it is to be kept: PNG bytes, or the object
    that it was written to."""

    width: int
    height: int
    face: Face
    descriptor: Descriptors
    crop: bytes | CropObject | None


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """What is told of a photo, and its face; None for a photo that is in the gallery already.

    `told`: what all rows of the command tell of the patient together; None: this row alone.
    `again`: a row before it in this command gave the same photo for the same patient.
    """

    record: PhotoRecord
    sha256: str
    encoded: EncodedFace | None
    told: CommandFacts | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a new photo: `error` where it was refused, `already` where it was there,
    `updated` where it was there and something was replaced.

    `changes`: what was added to or replaced in what was known. `notes`: what to look at.
    `other_face`: whether the face was replaced, and so its descriptors are gone; `faces`: in words.
    `descriptor_id`: the key of a new descriptor.
    """

    error: GestaltError | None = None
    already: bool = False
    updated: bool = False
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    other_face: bool = False
    faces: tuple[str, ...] = ()
    descriptor_id: int | None = field(default=None, compare=False)

    @property
    def replaced(self) -> bool:
        """Whether something that was known is there no more; a new photo may do so, too."""
        return self.updated or (not self.already and bool(self.changes))


@dataclass
class _Batch:
    """The rows of the gallery that a batch touches, as in `Held`, and how it is to be stored."""

    photos: dict[str, dict[str, t.Photo]]
    patients: dict[str, t.Patient]
    catalogue: Catalogue
    space_id: int
    run_id: int | None
    update: bool
    before: dict[str, Past] = field(default_factory=dict)
    """What patients were like who were there and are changed, by identifier."""
    new: dict[int, t.Descriptor] = field(default_factory=dict)
    """By the photo's place in the batch."""
    updated: bool = False


def add_space(
    session: Session, *, model: str, fingerprint: str, specification: str, dim: int
) -> int:
    """The key of the space of that fingerprint, made if it is new; the first one is the default."""
    known = session.scalar(sa.select(t.Space.id).where(t.Space.fingerprint == fingerprint))
    if known is not None:
        return known
    first = session.scalar(sa.select(sa.func.count()).select_from(t.Space)) == 0
    space = t.Space(
        model=model,
        fingerprint=fingerprint,
        specification=specification,
        dim=dim,
        is_default=first,
    )
    session.add(space)
    session.flush()
    return space.id


def add_photos(
    session: Session,
    photos: Sequence[NewPhoto],
    *,
    space_id: int,
    run_id: int | None = None,
    update: bool = False,
    command: str | None = None,
) -> list[Stored]:
    """Store a batch; for each photo in order, what became of it.

    `run_id`: of the run that made the descriptors, None where that is not known. `command`: what
    the batches of one command have in common, so that they are undone together. A row that
    contradicts the gallery is refused; with `update`, what it tells takes the place of what is
    there, its face included. Descriptors that go then are in the removal log.
    """
    batch = _load_batch(session, photos, space_id, run_id, update)
    withdrawn = {name for name, one in batch.patients.items() if one.consent == WITHDRAWN}
    with session.no_autoflush:
        stored = [_add_photo(session, place, photo, batch) for place, photo in enumerate(photos)]
        photos_of = (row for owned in batch.photos.values() for row in owned.values())
        number_changes(session, list(batch.new.values()), batch.patients.values(), list(photos_of))
    session.flush()
    if batch.updated:
        undo_links(session, batch.catalogue.undone)
        left = batch.catalogue.left
        remove_unused(
            session,
            {one.id for one in left if isinstance(one, t.Disorder)},
            {one.id for one in left if isinstance(one, t.Gene)},
        )
        note_purge(session)
    if any(one.other_face for one in stored):
        begin_epoch(session)
    settle_consents(
        session,
        [
            one.id
            for name, one in batch.patients.items()
            if (one.consent == WITHDRAWN) != (name in withdrawn)
        ],
    )
    done = [
        replace(one, descriptor_id=batch.new[place].id) if place in batch.new else one
        for place, one in enumerate(stored)
    ]
    _record(session, photos, stored, batch, command)
    return done


def put_descriptors(
    session: Session,
    described: Mapping[int, Descriptors],
    *,
    space_id: int,
    run_id: int | None = None,
) -> None:
    """Store descriptors `(d,)` of faces that are in the gallery already, by the face's key.

    One that a face has in the space already is replaced: it leaves by the removal log, and the new
    one has a key of its own, so that indexes made before follow.
    """
    vectors = check_descriptors(np.stack(list(described.values())))
    gone = 0
    for faces in chunks(described):
        old = sa.and_(t.Descriptor.space_id == space_id, t.Descriptor.face_id.in_(faces))
        gone += log_removals(session, old)
        session.execute(sa.delete(t.Descriptor).where(old))
    rows = [
        t.Descriptor(face_id=face_id, space_id=space_id, run_id=run_id, vector=vector.tobytes())
        for face_id, vector in zip(described, vectors, strict=True)
    ]
    number_changes(session, rows)
    session.add_all(rows)
    if gone:
        begin_epoch(session)
        note_purge(session)


def make_default(session: Session, space_id: int) -> None:
    """Let the gallery work in a space from now on."""
    session.execute(sa.update(t.Space).values(is_default=t.Space.id == space_id))


def _record(
    session: Session,
    photos: Sequence[NewPhoto],
    stored: Sequence[Stored],
    batch: _Batch,
    command: str | None,
) -> None:
    """Tell the audit trail: one event for all that is new, and one for each patient of whom
    something changed, with what was there before."""
    keys = {name: one.id for name, one in batch.patients.items()}
    if batch.new:
        owners = {keys[photos[place].record.patient] for place in batch.new}
        record_event(session, "add", patients=owners, detail={"photos": len(batch.new)})
    changed: dict[str, list[tuple[str, Stored]]] = defaultdict(list)
    for photo, one in zip(photos, stored, strict=True):
        if one.changes:
            changed[photo.record.patient].append((photo.record.photo, one))
    after = take(session, Scope.of_all(batch.before.values())) if batch.before else None
    for name, rows in changed.items():
        told: dict[str, Any] = {"photo": rows[0][0]} if len(rows) == 1 else {"photos": len(rows)}
        faces = [face for _, one in rows for face in one.faces]
        told["changes"] = [change for _, one in rows for change in one.changes]
        if after is not None and (before := batch.before.get(name)) is not None:
            now = part_of(after, before)
            told["changes"] = [*map(str, differences(before, now)), *faces]
            if before != now:
                told |= {"before": before, "after": now, "faces": len(faces), "command": command}
        record_event(session, "correct", patients=[keys[name]], detail=told)


def _load_batch(
    session: Session,
    photos: Sequence[NewPhoto],
    space_id: int,
    run_id: int | None,
    update: bool,
) -> _Batch:
    held = load_held(session, {one.sha256 for one in photos}, [one.record for one in photos])
    return _Batch(held.photos, held.patients, held.catalogue, space_id, run_id, update)


def _add_photo(session: Session, place: int, photo: NewPhoto, batch: _Batch) -> Stored:
    record, encoded = photo.record, photo.encoded
    known = batch.photos[photo.sha256].get(record.patient)
    if known is None and encoded is None:
        return Stored(
            NotInGallery("The photo was removed meanwhile.", "Run the same command again.")
        )
    vector = None
    if encoded is not None:
        try:
            vector = check_descriptors(encoded.descriptor[None])[0]
        except GestaltError as error:
            return Stored(error)
    found = compare_row(
        record,
        photo.told or CommandFacts.of([record]),
        None if encoded is None else encoded.face,
        patient=batch.patients.get(record.patient),
        same_bytes=batch.photos[photo.sha256],
        catalogue=batch.catalogue,
    )
    if found.refused is not None:
        return Stored(found.refused)
    # Of two rows for one photo none may take the place of the other: they contradict each other.
    is_twice = photo.again or (known is not None and known.id is None)
    may_replace = batch.update and not is_twice
    if found.contradicts and not may_replace:
        owner = batch.patients.get(record.patient)
        return Stored(contradiction(record, owner, found.contradicts))
    if (known is None or found.other_face) and _is_withdrawn(photo, batch, may_replace):
        return Stored(withdrawn_error(record.patient))
    removed = (f"removed {one}" for one in found.lacks)
    replaced = (*found.contradicts, *found.names, *removed) if may_replace else ()
    if replaced or (known is not None and found.adds):
        _keep(photo, known, batch)
    patient = _tell(session, photo, batch, may_replace=may_replace, is_known=known is not None)
    batch.updated |= bool(replaced)
    if known is None:
        assert encoded is not None  # noqa: S101 - refused above
        face = _face_row(session, place, encoded, vector, batch)
        batch.photos[photo.sha256][record.patient] = row = _photo_row(photo, encoded, patient, face)
        session.add(row)
        return Stored(changes=replaced)
    if record.age is not None or (may_replace and "age" in record.emptied):
        known.age = record.age
    if record.site is not None or (may_replace and "site" in record.emptied):
        known.site = record.site
    if found.other_face and encoded is not None:
        remove_faces(session, known.id)
        face = _face_row(session, place, encoded, vector, batch)
        face.photo_id = known.id
        session.add(face)
        set_committed_value(known, "faces", [face])
    return Stored(
        already=not replaced,
        updated=bool(replaced),
        changes=(*replaced, *(f"added {one}" for one in found.adds)),
        notes=() if may_replace else left_as_it_is(found),
        other_face=found.other_face and encoded is not None,
        faces=found.face,
    )


def _keep(photo: NewPhoto, known: t.Photo | None, batch: _Batch) -> None:
    """Keep what a patient who was there is like, before a row changes it."""
    record, catalogue = photo.record, batch.catalogue
    patient = batch.patients.get(record.patient)
    if patient is None or patient.id is None:
        return
    disorders = (catalogue.disorders.get(one.id) for one in record.disorders)
    genes = (catalogue.genes.get(one) for one in record.genes)
    now = loaded(
        patient,
        None if known is None or known.id is None else known,
        [one for one in disorders if one is not None],
        [one for one in genes if one is not None],
    )
    # Nothing that the gallery does not have has a row; it was not there.
    now["disorders"] = dict.fromkeys(one.id for one in record.disorders) | now["disorders"]
    now["genes"] = dict.fromkeys(record.genes) | now["genes"]
    first = batch.before.setdefault(record.patient, now)
    for what in now:
        first[what] = {**now[what], **first[what]}


def _is_withdrawn(photo: NewPhoto, batch: _Batch, may_replace: bool) -> bool:
    """Whether a row's patient has withdrawn consent, or does with this command."""
    record, patient = photo.record, batch.patients.get(photo.record.patient)
    if (photo.told or CommandFacts.of([record])).withdrawn:
        return True
    known = None if patient is None else patient.consent
    return known == WITHDRAWN and not (may_replace and record.consent is not None)


def _tell(
    session: Session, photo: NewPhoto, batch: _Batch, *, may_replace: bool, is_known: bool
) -> t.Patient:
    """The patient of a row, made where they are new, with what the row tells."""
    record = photo.record
    patient = batch.patients.get(record.patient)
    if patient is None:
        patient = batch.patients[record.patient] = t.Patient(external_id=record.patient)
        session.add(patient)
    elif may_replace:
        told = photo.told or CommandFacts.of([record])
        replace_facts(session, patient, record, told, batch.catalogue, emptied=is_known)
        return patient
    add_facts(session, patient, record, batch.catalogue)
    return patient


def _face_row(
    session: Session, place: int, encoded: EncodedFace, vector: Descriptors | None, batch: _Batch
) -> t.Face:
    """The row of a face with its crop and descriptor, which gets its number with the batch."""
    assert vector is not None, "a face that is stored has a descriptor"  # noqa: S101
    face, crop = encoded.face, encoded.crop
    descriptor = t.Descriptor(space_id=batch.space_id, run_id=batch.run_id, vector=vector.tobytes())
    batch.new[place] = descriptor
    return t.Face(
        number=face.number,
        count=face.count,
        detector=face.detector,
        step=face.step,
        score=face.score,
        box=[float(v) for v in face.box],
        landmarks=[[float(v) for v in point] for point in face.landmarks],
        sharpness=face.quality.sharpness,
        size=face.quality.size,
        yaw=face.quality.yaw,
        roll=face.quality.roll,
        crop=t.Crop(png=crop) if isinstance(crop, bytes) else None,
        crop_object=object_row(session, crop) if isinstance(crop, CropObject) else None,
        descriptors=[descriptor],
    )


def _photo_row(photo: NewPhoto, encoded: EncodedFace, patient: t.Patient, face: t.Face) -> t.Photo:
    return t.Photo(
        patient=patient,
        sha256=photo.sha256,
        name=photo.record.photo,
        age=photo.record.age,
        site=photo.record.site,
        width=encoded.width,
        height=encoded.height,
        faces=[face],
    )
