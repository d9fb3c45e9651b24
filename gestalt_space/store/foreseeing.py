"""What storing rows would do, as far as this is known before a face is looked for. Nothing is
written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from gestalt_space.errors import GestaltError
from gestalt_space.store import tables as t
from gestalt_space.store.consent import withdrawn_error
from gestalt_space.store.corrections import compare_row, contradiction, left_as_it_is, two_owners
from gestalt_space.store.facts import Catalogue, CommandFacts
from gestalt_space.store.held import Held, load_held
from gestalt_space.types import WITHDRAWN, PhotoRecord

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ToldPhoto:
    """A row. `sha256`: of its photo, None where it is not known; `told`: what all rows tell of the
    patient together."""

    record: PhotoRecord
    sha256: str | None
    told: CommandFacts


@dataclass(frozen=True, slots=True)
class ForeseenPhoto:
    """What would become of a row: `error` where it would be refused; `is_known`: the photo is there
    already; `is_new_patient`: nobody of that identifier is there or stands in a row before.

    `adds`: facts that would be added to those of a patient who is there. `notes`: what to look at.
    """

    error: GestaltError | None = None
    is_known: bool = False
    is_new_patient: bool = False
    adds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Before:
    """What rows before gave: patients, and photos by sha256 and patient."""

    patients: set[str] = field(default_factory=set)
    photos: dict[str, dict[str, t.Photo]] = field(default_factory=lambda: defaultdict(dict))


def foresee(session: Session | None, rows: Sequence[ToldPhoto]) -> list[ForeseenPhoto]:
    """What would become of each row, in order; without a session, in a gallery that is not there
    yet."""
    found: list[ForeseenPhoto] = []
    before = _Before()
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        held = Held({}, {}, Catalogue({}, {}))
        if session is not None:
            hashes = {row.sha256 for row in some if row.sha256 is not None}
            held = load_held(session, hashes, [row.record for row in some])
        found += [_foreseen(row, held, before) for row in some]
    return found


def _foreseen(row: ToldPhoto, held: Held, before: _Before) -> ForeseenPhoto:
    record, name = row.record, row.record.patient
    given = {} if row.sha256 is None else before.photos[row.sha256]
    same_bytes = {**given, **held.photos.get(row.sha256 or "", {})}
    patient, known = held.patients.get(name), same_bytes.get(name)
    found = compare_row(
        record, row.told, None, patient=patient, same_bytes=same_bytes, catalogue=held.catalogue
    )
    owner = None if known is not None else _owner_of_face(record, same_bytes)
    if found.refused is not None or owner is not None:
        return ForeseenPhoto(found.refused or two_owners(name, owner or ""))
    if found.contradicts:
        return ForeseenPhoto(contradiction(record, patient, found.contradicts))
    is_withdrawn = row.told.withdrawn or (patient is not None and patient.consent == WITHDRAWN)
    if known is None and is_withdrawn:
        return ForeseenPhoto(withdrawn_error(name))
    is_new = patient is None and name not in before.patients
    before.patients.add(name)
    if known is None:
        face = t.Face(number=_number(record))
        given[name] = t.Photo(age=record.age, site=record.site, faces=[face])
    return ForeseenPhoto(None, known is not None, is_new, found.adds, left_as_it_is(found))


def _owner_of_face(record: PhotoRecord, same_bytes: Mapping[str, t.Photo]) -> str | None:
    """Another patient who has the face of that number in the same bytes."""
    owners = (
        owner for owner, photo in same_bytes.items() if photo.faces[0].number == _number(record)
    )
    return next(owners, None)


def _number(record: PhotoRecord) -> int:
    """Which face a row means, from the largest."""
    return record.face or 1
