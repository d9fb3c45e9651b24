"""A gallery that is corrected: facts are set, photos change their patient, patients are merged and
split, and the last of it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from gestalt_space.errors import GestaltError, UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.emptied import EMPTIED
from gestalt_space.gallery.intake.likenesses import note_likenesses
from gestalt_space.gallery.intake.records import check_facts, check_names
from gestalt_space.gallery.keeper import attempted
from gestalt_space.gallery.writing import Writing
from gestalt_space.names import check_names as check_list
from gestalt_space.names import normal_name
from gestalt_space.store import correcting, undoing
from gestalt_space.store.audit import Event
from gestalt_space.store.lookups import disorders_like, patients_like
from gestalt_space.types import PhotoRecord

OF_PHOTO = ("age", "site")
"""Facts of a photo; all others are of the patient."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction changed, in words, nothing where all was so before. `notes`: what to look
    at; `left_in_log`: that what was replaced is still in the write-ahead log, which another process
    holds, None where nothing is; `undone`: the events that were taken back, the newest first."""

    changes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    left_in_log: GestaltError | None = None
    undone: tuple[Event, ...] = ()


class Correcting(Writing):
    """A gallery that is corrected. Each correction is one transaction, and one event of the audit
    trail, with what was there before; matches follow at once."""

    def set_facts(
        self, record: PhotoRecord, *, photo: str | None = None, clear: Collection[str] = ()
    ) -> Correction:
        """Replace what the gallery has of a record's patient by what the record says: lists as a
        whole; what it does not say stays. `clear` names facts to be emptied, by their columns.

        Age and site are those of `photo`, named as for `move_photo`. Where the consent becomes
        `withdrawn`, nothing matches the patient from then on. Raises `UsageError`, `NotInGallery`,
        `ConsentWithdrawn` where a withdrawn consent is to be emptied.
        """
        check_names(replace(record, photo=record.photo or "-"))
        told = check_facts(record)
        unknown = [one for one in clear if one not in EMPTIED]
        if unknown:
            raise UsageError(
                f"There is no fact {unknown[0]!r}.", f"There are {', '.join(EMPTIED)}."
            )
        emptied = tuple(dict.fromkeys((*told.record.emptied, *clear)))
        checked = replace(told.record, emptied=emptied)
        if photo is None and any(_is_told(checked, fact) for fact in OF_PHOTO):
            raise UsageError("Age and site are those of a photo.", "Say which: --photo NAME.")
        twice = [one for one in clear if _is_told(replace(checked, emptied=()), one)]
        if twice:
            raise UsageError(f"{twice[0]} is set and cleared.", "Do one of the two.")
        name = None if photo is None else normal_name(photo)
        done = self._corrected(
            lambda session: correcting.set_facts(session, checked.patient, checked, photo=name),
            checked,
        )
        return replace(done, notes=(*told.notes, *done.notes))

    def move_photo(self, photo: str, *, of: str, to: str) -> Correction:
        """Let a patient's photo be another's, who is made where there is nobody of that identifier.
        The one who had it goes with the last photo.

        `photo`: its path, the name of its file, or 8 digits or more of its sha256. Raises
        `NotInGallery`, `PatientConflict` where the other has the photo already.
        """
        photo, of, to = map(normal_name, (photo, of, to))
        check_names(PhotoRecord(photo, to))
        return self._corrected(
            lambda session: correcting.move_photo(session, photo, of=of, to=to),
            PhotoRecord(photo, to),
        )

    def merge(self, into: str, other: str, *, keep: str | None = None) -> Correction:
        """Let a second patient be the first: with photos, and facts that the first does not have.

        `keep`: which of the two is right where they contradict each other; without it that raises
        `PatientConflict`, and nothing is changed. Raises `NotInGallery`, `UsageError`.
        """
        into, other = normal_name(into), normal_name(other)
        kept = None if keep is None else normal_name(keep)
        return self._corrected(
            lambda session: correcting.merge_patients(session, into, other, keep=kept)
        )

    def split(self, patient: str, photos: Sequence[str], *, to: str) -> Correction:
        """Let some photos of a patient be those of a new one, of whom the same is known.

        Raises `NotInGallery`, `PatientConflict` where there is somebody of that identifier, or the
        first would have no photo left.
        """
        named = [normal_name(one) for one in check_list(photos, "photos")]
        patient, to = normal_name(patient), normal_name(to)
        check_names(PhotoRecord("-", to))
        if not named:
            raise UsageError("No photo was named.", "Say which are the other's: --photo NAME.")
        return self._corrected(
            lambda session: correcting.split_patient(session, patient, named, to),
            PhotoRecord("-", to),
        )

    def undo(
        self,
        event: int | None = None,
        *,
        consent_again: Collection[str] = (),
        expected: Sequence[int] = (),
    ) -> Correction:
        """Take back the newest correction that is not undone yet, or the event of a number in the
        trail: a correction, or an undo, which does it again. What one `add` changed in patients who
        were there is one correction.

        `consent_again`: patients whose consent is withdrawn, and may be given back by this;
        `expected`: the numbers of the events that somebody was asked about, as `ConsentReturns` has
        them: where a correction came meanwhile nothing is undone. Raises
        `ConsentReturns` where others' would be; `NotInGallery` where there is nothing to undo;
        `UsageError` for an event that is no correction; `PatientConflict` for one that is undone,
        or where something since touched the same patients.
        """
        self.database.require()
        named = set(map(normal_name, check_list(consent_again, "consent_again")))
        with self.database.writing() as session:
            undone = undoing.undo(session, event, consent_again=named, expected=expected)
        left = self._settle()
        return Correction(undone.changes, undone.notes, left, undone.events)

    def _corrected(
        self,
        work: Callable[[Session], correcting.Corrected],
        told: PhotoRecord | None = None,
    ) -> Correction:
        """`told`: names that the gallery may have in another spelling."""
        self.database.require()
        notes = () if told is None else self._likenesses(told)
        with self.database.writing() as session:
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


def _is_told(record: PhotoRecord, column: str) -> bool:
    """Whether a record sets a fact, or empties it."""
    return column in record.emptied or any(
        getattr(record, field) not in (None, ()) for field in EMPTIED[column]
    )
