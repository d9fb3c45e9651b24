"""Stored faces to descriptors of another space or encoding run, from their kept crops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from gestalt_space.errors import (
    DescriptorError,
    GalleryChanged,
    GestaltError,
    NotInGallery,
)
from gestalt_space.gallery.adding import WRITE_BATCH
from gestalt_space.gallery.encoding import Encoding
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

    `made_by`: what they are made with now; `missing`: how many faces have none still; `is_default`:
    whether the gallery works in it now."""

    faces: tuple[Filled, ...]
    made_by: EncodingRun
    missing: int = 0
    is_default: bool = False

    @property
    def failed(self) -> tuple[Filled, ...]:
        """Those that have none still."""
        return tuple(face for face in self.faces if face.error is not None)


def fill_faces(
    database: Database,
    encoding: Encoding,
    missing: Sequence[tuple[int, str, str]],
    *,
    fingerprint: str,
    space_id: int,
    run_id: int,
    made_by: EncodingRun | None,
    unsound: Collection[int] = (),
) -> Iterator[Filled]:
    """Give faces, as `reads.faces_without` lists them, a descriptor; what became of each, in order.

    `fingerprint`, `space_id`: of the space; `run_id`: of the encoding's run. With `made_by`,
    descriptors of other runs are replaced, and those of the faces `unsound` whatever made them.
    Written in transactions of `WRITE_BATCH` faces. Raises `GalleryChanged` where the space was
    dropped meanwhile, `CropStoreError`.
    """
    again = frozenset(unsound)
    starts = range(0, len(missing), WRITE_BATCH)
    batches = [missing[start : start + WRITE_BATCH] for start in starts]
    with closing(encoding.crops(_crops(database, batches))) as found:
        for batch, described in zip(batches, found, strict=True):
            faces = [face for face, _, _ in batch]
            with database.writing() as session:
                if not has_space(session, space_id, fingerprint):
                    raise GalleryChanged(
                        "Meanwhile, the space was deleted.", "Run the same command again."
                    )
                # Others may have removed or filled some meanwhile.
                left = reads.faces_without(session, space_id, faces, made_by=made_by)
                left += reads.named_faces(session, again.intersection(faces))
                still = {face for face, _, _ in left}
                sound = {
                    face: row
                    for face, row in described.items()
                    if row is not None and face in still
                }
                if sound:
                    writes.put_descriptors(session, sound, space_id=space_id, run_id=run_id)
                    told = {"photos": len(sound), "space": fingerprint}
                    record_event(session, "fill", detail=told)
            for face, photo, patient in batch:
                yield Filled(photo, patient, _error(face in described, described.get(face)))


def _crops(
    database: Database, batches: Iterable[Sequence[tuple[int, str, str]]]
) -> Iterator[dict[int, bytes]]:
    for batch in batches:
        with database.reading() as session:
            crops = crops_of(session, [face for face, _, _ in batch])
        yield crops


def _error(has_crop: bool, row: Descriptors | None) -> GestaltError | None:
    """Why a stored face got no descriptor, None where it did."""
    if not has_crop:
        return NotInGallery(
            "No crop is stored.", "Remove the photo and add it again from its file."
        )
    if row is None:
        return DescriptorError(
            "The crop is damaged, or the encoder gave no valid vector for it.",
            "Remove the photo and add it again from its file.",
        )
    return None
