"""Stored faces to descriptors of another space or encoding run, from their kept crops."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gestalt_space.descriptors import to_descriptors, unsound
from gestalt_space.encoders.specification import Encoder
from gestalt_space.errors import (
    DescriptorError,
    GalleryChanged,
    GestaltError,
    NotInGallery,
    PhotoDamaged,
)
from gestalt_space.faces.crops import crop_from_png
from gestalt_space.gallery.adding import WRITE_BATCH
from gestalt_space.store import reads, writes
from gestalt_space.store.audit import record_event
from gestalt_space.store.crops import crops_of
from gestalt_space.store.engine import Database
from gestalt_space.store.spaces import has_space
from gestalt_space.types import Descriptors, EncodingRun


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of a stored face that was to get a descriptor in another space."""

    photo: str
    patient: str
    error: GestaltError | None = None


@dataclass(frozen=True, slots=True)
class FilledFaces:
    """What became of stored faces that had no descriptor in a space, in the gallery's order.

    `missing`: how many faces have none still; `is_default`: whether the gallery works in it now."""

    faces: tuple[Filled, ...]
    missing: int = 0
    is_default: bool = False

    @property
    def failed(self) -> tuple[Filled, ...]:
        """Those that have none still."""
        return tuple(face for face in self.faces if face.error is not None)


def fill_faces(
    database: Database,
    encoder: Encoder,
    missing: Sequence[tuple[int, str, str]],
    *,
    space_id: int,
    run_id: int,
    made_by: EncodingRun | None,
    unsound: Collection[int] = (),
) -> Iterator[Filled]:
    """Give faces, as `reads.faces_without` lists them, a descriptor; what became of each, in order.

    `run_id`: of the encoder's run. With `made_by`, descriptors of other runs are replaced, and
    those of the faces `unsound` whatever made them. Written in transactions of `WRITE_BATCH` faces.
    Raises `GalleryChanged` where the space was dropped meanwhile, `CropStoreError`.
    """
    again = frozenset(unsound)
    for start in range(0, len(missing), WRITE_BATCH):
        batch = missing[start : start + WRITE_BATCH]
        faces = [face for face, _, _ in batch]
        with database.reading() as session:
            crops = crops_of(session, faces)
        described = _describe(encoder, crops)
        with database.writing() as session:
            if not has_space(session, space_id, encoder.spec.fingerprint):
                raise GalleryChanged(
                    "Meanwhile, the space was deleted.", "Run the same command again."
                )
            # Others may have removed or filled some meanwhile.
            left = reads.faces_without(session, space_id, faces, made_by=made_by)
            left += reads.named_faces(session, again.intersection(faces))
            still = {face for face, _, _ in left}
            sound = {face: row for face, row in described.items() if face in still}
            if sound:
                writes.put_descriptors(session, sound, space_id=space_id, run_id=run_id)
                told = {"photos": len(sound), "space": encoder.spec.fingerprint}
                record_event(session, "fill", detail=told)
        for face, photo, patient in batch:
            yield Filled(photo, patient, _error(face in crops, face in described))


def _describe(encoder: Encoder, crops: dict[int, bytes]) -> dict[int, Descriptors]:
    """The descriptor `(d,)` of each crop that is whole and that the encoder can describe."""
    images = {}
    for face, png in crops.items():
        with suppress(PhotoDamaged):
            images[face] = crop_from_png(png)
    if not images:
        return {}
    descriptors = to_descriptors(encoder.encode(np.stack(list(images.values()))))
    rows = zip(images, descriptors, unsound(descriptors), strict=True)
    return {face: row for face, row, is_unsound in rows if not is_unsound}


def _error(has_crop: bool, sound: bool) -> GestaltError | None:
    """Why a stored face got no descriptor, None where it did."""
    if not has_crop:
        return NotInGallery(
            "No crop is stored.", "Remove the photo and add it again from its file."
        )
    if not sound:
        return DescriptorError(
            "The crop is damaged, or the encoder gave no valid vector for it.",
            "Remove the photo and add it again from its file.",
        )
    return None
