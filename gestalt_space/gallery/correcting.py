"""A gallery that is corrected: facts are set, photos change their patient, patients are merged and
split, and the last of it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from sqlalchemy.orm import Session

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.emptied import EMPTIED
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_facts, check_record
from gestalt_space.gallery.keeper import attempted
from gestalt_space.gallery.writing import WritableGallery
from gestalt_space.names import check_names as check_list
from gestalt_space.names import normal_name
from gestalt_space.store import correcting, undoing
from gestalt_space.store.audit import Event
from gestalt_space.store.differences import Change
from gestalt_space.store.lookups import disorders_like, patients_like
from gestalt_space.store.versions import check_versions
from gestalt_space.types import PhotoRecord

OF_PHOTO = ("age", "site")
"""Facts of a photo; all others are of the patient."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction changed; empty if nothing changed. `notes`: what to check. `left_in_log`:
    an error that says that replaced data are still in the write-ahead log, because another process
    is using it; None if none are. `undone`: the events that were undone, the newest first.
    """

    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    left_in_log: GestaltError | None = None
    undone: tuple[Event, ...] = ()


class CorrectionsMixin(WritableGallery):
    """A gallery that is corrected. Each correction is one transaction, and one event of the audit
    trail, with what was there before; matches follow at once.

    `version`: the version of the patient, from `version_of`, that a correction is based on;
    `versions`: those of both patients of a merge. Raises `ChangedMeanwhile` if a patient has
    another one by now.
    """

    def set_facts(
        self,
        record: PhotoRecord,
        *,
        photo: str | None = None,
        clear: Collection[str] = (),
        version: str | None = None,
    ) -> Correction:
        """Replace the facts of a patient by those of the record, lists as a whole. Facts that the
        record does not have stay. `clear` lists facts to remove, by their columns.

        Age and site are those of `photo`, named as for `move_photo`. If the consent becomes
        `withdrawn`, the patient is no longer matched. Raises `UsageError`, `NotInGallery`, and
        `ConsentWithdrawn` if a withdrawn consent would be cleared.
        """
        check_record(replace(record, photo=record.photo or "-"))
        told = check_facts(record)
        unknown = [one for one in clear if one not in EMPTIED]
        if unknown:
            raise UsageError(
                f"Unknown fact {unknown[0]!r}.", f"Choose one of: {', '.join(EMPTIED)}."
            )
        emptied = tuple(dict.fromkeys((*told.record.emptied, *clear)))
        checked = replace(told.record, emptied=emptied)
        if photo is None and any(_is_told(checked, fact) for fact in OF_PHOTO):
            raise UsageError("Age and site belong to a photo.", "Add --photo NAME.")
        twice = [one for one in clear if _is_told(replace(checked, emptied=()), one)]
        if twice:
            raise UsageError(
                f"{twice[0]} is both set and cleared.", "Leave out one of the two options."
            )
        name = None if photo is None else normal_name(photo)

        done = self._corrected(
            lambda session: correcting.set_facts(session, checked.patient, checked, photo=name),
            checked,
            based_on=_version(checked.patient, version),
        )
        return replace(done, notes=(*told.notes, *done.notes))

    def move_photo(self, photo: str, *, of: str, to: str, version: str | None = None) -> Correction:
        """Move a photo to another patient, who is created if needed. If it was the last photo of
        the old patient, that patient is removed.

        `photo`: its path, its file name, or at least 8 digits of its sha256. Raises `NotInGallery`,
        and `PatientConflict` if the other patient already has the photo.
        """
        photo, of, to = map(normal_name, (photo, of, to))
        check_record(PhotoRecord(photo, to))
        return self._corrected(
            lambda session: correcting.move_photo(session, photo, of=of, to=to),
            PhotoRecord(photo, to),
            based_on=_version(of, version),
        )

    def merge(
        self,
        into: str,
        other: str,
        *,
        keep: str | None = None,
        versions: Mapping[str, str] = MappingProxyType({}),
    ) -> Correction:
        """Merge a second patient into the first, with photos, and facts that the first does not
        have.

        `keep`: the patient whose facts to keep if the two contradict each other; without it, a
        contradiction raises `PatientConflict`, and nothing is changed. Raises `NotInGallery`,
        `UsageError`.
        """
        into, other = normal_name(into), normal_name(other)
        kept = None if keep is None else normal_name(keep)
        return self._corrected(
            lambda session: correcting.merge_patients(session, into, other, keep=kept),
            based_on=versions,
        )

    def split(
        self, patient: str, photos: Sequence[str], *, to: str, version: str | None = None
    ) -> Correction:
        """Move some photos of a patient to a new patient with the same facts.

        Raises `NotInGallery`, and `PatientConflict` if the new patient already exists, or the old
        one would have no photo left.
        """
        named = [normal_name(one) for one in check_list(photos, "photos")]
        patient, to = normal_name(patient), normal_name(to)
        check_record(PhotoRecord("-", to))
        if not named:
            raise UsageError(
                "No photo was given.", "Give the photos of the other person with --photo NAME."
            )
        return self._corrected(
            lambda session: correcting.split_patient(session, patient, named, to),
            PhotoRecord("-", to),
            based_on=_version(patient, version),
        )

    def undo(
        self,
        event: int | None = None,
        *,
        consent_again: Collection[str] = (),
        expected: Sequence[int] = (),
    ) -> Correction:
        """Undo the newest correction that is not undone yet, or the event of a number in the trail:
        a correction, or an undo, which is then redone. The changes of one `add` to existing
        patients are one correction.

        `consent_again`: patients whose withdrawn consent may be restored. `expected`: the numbers
        of the events that a person confirmed, as in `ConsentReturns`; if there was a correction
        meanwhile, nothing is undone. Raises `ConsentReturns` if the consent of other patients would
        be restored; `NotInGallery` if there is nothing to undo; `UsageError` for an event that is
        not a correction; `PatientConflict` for an event that is already undone, or if the same
        patients were changed later.
        """
        self.database.require()
        named = set(map(normal_name, check_list(consent_again, "consent_again")))
        with self.database.writing() as session:
            undone = undoing.undo(session, event, consent_again=named, expected=expected)
        left = self._settle()
        return Correction(undone.changes, undone.notes, left, undone.events)

    def _corrected(
        self,
        work: Callable[[Session], correcting.CorrectionResult],
        told: PhotoRecord | None = None,
        *,
        based_on: Mapping[str, str],
    ) -> Correction:
        """`told`: names that the gallery may have in another spelling. `based_on`: patients, and
        the versions that they have to be of."""
        self.database.require()
        notes = () if told is None else self._likenesses(told)
        with self.database.writing() as session:
            check_versions(session, based_on)
            done = work(session)
        left = self._settle() if done.changes else None
        return Correction(done.changes, (*notes, *done.notes), left)

    def _settle(self) -> GestaltError | None:
        """Let indexes and calibrations follow; why something is left in a file, None where nothing
        is."""
        left = attempted(self._keeper.purge)
        self._follow()
        return left

    def _likenesses(self, record: PhotoRecord) -> tuple[str, ...]:
        row = Intake(record.photo, Path(record.photo), record)
        with self.database.reading() as session:
            (noted,) = note_likenesses(
                [row], partial(patients_like, session), partial(disorders_like, session)
            )
        return noted.notes


def _version(patient: str, version: str | None) -> dict[str, str]:
    return {} if version is None else {patient: version}


def _is_told(record: PhotoRecord, column: str) -> bool:
    """Whether a record sets a fact, or empties it."""
    return column in record.emptied or any(
        getattr(record, field) not in (None, ()) for field in EMPTIED[column]
    )
