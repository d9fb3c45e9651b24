"""Between what was found in photos and what the gallery stores and tells of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from gestalt_space.errors import GestaltError
from gestalt_space.faces.crops import crop_to_png
from gestalt_space.gallery.copies import Copy
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource
from gestalt_space.store import writes
from gestalt_space.types import Face

Status = Literal["added", "already", "updated", "failed"]


@dataclass(frozen=True, slots=True)
class Added:
    """The result of adding a photo.

    `changes`: facts that were added or replaced. `notes`: what a person should check, `copies` of
    other patients' photos included.
    """

    photo: str
    patient: str
    status: Status
    face: Face | None = None
    error: GestaltError | None = None
    changes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()

    def without_crop(self) -> Added:
        """The same without the pixels of its face: those of thousands of photos are kept."""
        return self if self.face is None else replace(self, face=self.face.without_crop())


@dataclass(frozen=True, slots=True)
class AddedPhotos:
    """The results of adding photos, in the order of their rows, without crops.

    `left_in_log`: an error that says that replaced data are still in the write-ahead log, because
    another process is using it; None if none are.
    """

    photos: tuple[Added, ...]
    left_in_log: GestaltError | None = None

    @property
    def counts(self) -> Counter[Status]:
        """How many photos have each status."""
        return Counter(photo.status for photo in self.photos)

    @property
    def failed(self) -> tuple[Added, ...]:
        """The photos that were not added."""
        return tuple(photo for photo in self.photos if photo.status == "failed")


def source_of(row: Intake, largest: bool) -> PhotoSource:
    """What the pipeline is to read for a row that has a record."""
    assert row.record is not None, "rows without a record are not read"  # noqa: S101
    data = row.path if row.data is None else row.data
    return PhotoSource(row.photo, data, row.record.face, largest, row.record.patient)


def failed_row(row: Intake) -> Added:
    """That a row could not be used."""
    patient = row.record.patient if row.record else ""
    return Added(row.photo, patient, "failed", error=row.error, notes=row.notes)


def new_photo(row: Intake, result: PhotoResult, keep_crops: bool) -> writes.NewPhoto | None:
    """What is to be stored of a photo; None where it failed."""
    if row.record is None:
        return None
    if result.skipped:
        return writes.NewPhoto(row.record, result.sha256, None)
    if result.descriptor is None or result.face is None:
        return None
    encoded = writes.EncodedFace(
        width=result.width,
        height=result.height,
        face=result.face,
        descriptor=result.descriptor,
        crop=crop_to_png(result.face.crop) if keep_crops else None,
    )
    return writes.NewPhoto(row.record, result.sha256, encoded)


def added_row(
    row: Intake, result: PhotoResult, stored: writes.Stored | None, copies: tuple[Copy, ...] = ()
) -> Added:
    """What became of a row: `stored` is None where its photo failed."""
    patient = row.record.patient if row.record else ""
    error = result.error if stored is None else stored.error
    if stored is None or error is not None:
        return Added(row.photo, patient, "failed", error=error, notes=row.notes)
    status: Status = "updated" if stored.updated else "already" if stored.already else "added"
    return Added(
        row.photo,
        patient,
        status,
        result.face,
        changes=stored.changes,
        notes=(*row.notes, *stored.notes, *map(_copy_note, copies)),
        copies=copies,
    )


def _copy_note(copy: Copy) -> str:
    proof = "" if copy.proof == "crops" else ", by descriptors only: the crops were not compared"
    return (
        f"Very similar to the photo {copy.photo} of patient {copy.patient} (similarity "
        f"{copy.similarity:.3f}{proof}). Check whether they are the same patient."
    )
