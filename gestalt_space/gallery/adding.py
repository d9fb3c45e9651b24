"""Photos into the gallery: which are passed over, and what becomes of the others, a batch in a
transaction."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from gestalt_space.errors import CropStoreError, DatabaseError, DescriptorError, IndexDamaged
from gestalt_space.gallery.copies import CANDIDATE, Copy, find_copies, look_of
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.outer_crops import write_crops
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource
from gestalt_space.gallery.state import GalleryState
from gestalt_space.gallery.storing import Added, added_row, new_photo
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.facts import CommandFacts
from gestalt_space.store.runs import add_run
from gestalt_space.types import Descriptors, EncodingRun, Ids

WRITE_BATCH = 32
"""Photos that go into the database in one transaction."""
LATER_ROWS = 8192
"""Photos of one command that are kept in memory, to be compared with those that follow; then they
are looked for in the gallery."""
_BLOCKS = 64
_LOOKED_AT = 12
"""Photos of the gallery nearest to a new one, among which a copy would be."""


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How photos are added. `detector`: as it was asked for; `exact_landmarks`: from a file.

    `update`: what a row tells takes the place of what the gallery has.
    """

    detector: str
    exact_landmarks: bool
    keep_crops: bool
    update: bool


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Says of photos whether they are stored by now, and nothing asked for can give another face.

    Asked of the database photo by photo: the gallery, and the rows, may be too many to hold.
    `last`: key of the last face before the command.
    """

    database: Database
    options: AddOptions
    last: int

    def __call__(self, source: PhotoSource, sha256: str) -> bool:
        """Whether a photo of that sha256 can be passed over."""
        if self.options.exact_landmarks:
            return False
        with self.database.reading() as session:
            stored = reads.stored_face(session, sha256, source.patient, until=self.last)
        return stored is not None and self._is_it(source, stored)

    def hashes(self, sources: Sequence[PhotoSource]) -> list[frozenset[str]]:
        """For each photo, all sha256 with which it can be passed over."""
        if self.options.exact_landmarks:
            return [frozenset()] * len(sources)
        patients = {source.patient for source in sources}
        with self.database.reading() as session:
            stored = reads.stored_faces(session, patients, until=self.last)
        return [
            frozenset(
                sha256
                for sha256, face in stored.get(source.patient, ())
                if self._is_it(source, face)
            )
            for source in sources
        ]

    def _is_it(self, source: PhotoSource, stored: reads.StoredFace) -> bool:
        return source.face in (None, stored.number) and self.options.detector in (
            "auto",
            stored.detector,
        )


def passed_over(database: Database, options: AddOptions) -> PassedOver:
    """What says of photos whether they were stored before now."""
    with database.reading() as session:
        return PassedOver(database, options, reads.last_face(session))


@dataclass
class Adding:
    """One command's photos on their way into the database.

    `space_id` gives the key of the gallery's space, made where it is new; `state` its newest state,
    None in a space without one; `follow` brings the index on disk up to it; `made_by` gives the run
    of the encoder, opened by then. `told`: what all rows tell of each patient.
    """

    database: Database
    space_id: Callable[[Session], int]
    state: Callable[[], GalleryState | None]
    follow: Callable[[], None]
    made_by: Callable[[], EncodingRun]
    options: AddOptions
    told: dict[str, CommandFacts]
    _command: str = field(default_factory=lambda: secrets.token_hex(8))
    _given: set[tuple[str, str]] = field(default_factory=set)
    _before: GalleryState | None = None
    """The gallery without what is in `_later`."""
    _later: list[tuple[Ids, Descriptors]] = field(default_factory=list)

    def store(self, results: Iterable[tuple[Intake, PhotoResult]]) -> Iterator[Added]:
        """What became of each row, in order."""
        results = iter(results)
        # Where the database is damaged, matches and `gestalt doctor` tell of it.
        with suppress(DatabaseError):
            self._before = self.state()
        while batch := list(itertools.islice(results, WRITE_BATCH)):
            photos = [self._new_photo(row, result) for row, result in batch]
            kept = iter(self._write([photo for photo in photos if photo is not None]))
            stored = [None if photo is None else next(kept) for photo in photos]
            copies = self._copies(batch, stored)
            for (row, result), one, found in zip(batch, stored, copies, strict=True):
                yield added_row(row, result, one, found)

    def _new_photo(self, row: Intake, result: PhotoResult) -> writes.NewPhoto | None:
        photo = new_photo(row, result, self.options.keep_crops)
        if photo is None:
            return None
        key = photo.sha256, photo.record.patient
        again = key in self._given
        self._given.add(key)
        return replace(photo, told=self.told.get(photo.record.patient), again=again)

    def _write(self, photos: Sequence[writes.NewPhoto]) -> list[writes.Stored]:
        if not photos:
            return []
        photos, put = write_crops(self.database, photos)
        with self.database.writing(put) as session:
            is_encoded = any(photo.encoded is not None for photo in photos)
            return writes.add_photos(
                session,
                photos,
                space_id=self.space_id(session),
                run_id=add_run(session, self.made_by()) if is_encoded else None,
                update=self.options.update,
                command=self._command,
            )

    def _copies(
        self,
        batch: Sequence[tuple[Intake, PhotoResult]],
        stored: Sequence[writes.Stored | None],
    ) -> list[tuple[Copy, ...]]:
        """For each row of a batch, stored photos of other patients whose face's picture is its."""
        found: list[tuple[Copy, ...]] = [()] * len(batch)
        new = [
            place
            for place, one in enumerate(stored)
            if one is not None and one.descriptor_id is not None
        ]
        with suppress(DatabaseError, DescriptorError, IndexDamaged, CropStoreError):
            if new:
                self._find_copies(batch, stored, new, found)
        return found

    def _find_copies(
        self,
        batch: Sequence[tuple[Intake, PhotoResult]],
        stored: Sequence[writes.Stored | None],
        new: Sequence[int],
        found: list[tuple[Copy, ...]],
    ) -> None:
        keys = np.array([one.descriptor_id for one in stored if one and one.descriptor_id])
        described = [batch[place][1].descriptor for place in new]
        descriptors = np.stack([one for one in described if one is not None])
        self._later.append((keys, descriptors))
        ids, similarities = self._nearest(descriptors)
        with self.database.reading() as session:
            for place, key, of, row in zip(new, keys, ids, similarities, strict=True):
                result, record = batch[place][1], batch[place][0].record
                assert result.face is not None, "it has a descriptor"  # noqa: S101
                assert record is not None, "it was stored"  # noqa: S101
                # Of two that came together, the later one is reported.
                earlier = of < key
                look = look_of(result.face.crop)
                found[place] = find_copies(
                    session, look, row[earlier], of[earlier], not_of=[record.patient], outside=True
                )
        if sum(len(block) for block, _ in self._later) >= LATER_ROWS:
            self.follow()
            self._before, self._later = self.state(), []

    def _nearest(self, descriptors: Descriptors) -> tuple[list[Ids], list[NDArray[np.float64]]]:
        """For each of some descriptors `(q, d)`, keys and similarities of those nearest to it of
        before, and of all that came later."""
        if len(self._later) > _BLOCKS:
            blocks, rows_of = zip(*self._later, strict=True)
            self._later = [(np.concatenate(blocks), np.concatenate(rows_of))]
        later = np.concatenate([block for block, _ in self._later])
        similar = np.concatenate([descriptors @ rows.T for _, rows in self._later], axis=1)
        ids = [later] * len(descriptors)
        similarities = [row.astype(np.float64) for row in similar]
        if self._before is not None:
            nearest = self._before.nearest_of(descriptors, _LOOKED_AT, least=CANDIDATE)
            for place, near in enumerate(nearest):
                one = self._before.exactly(descriptors[place], near, CANDIDATE)
                keys = self._before.column_at("ids", one.rows)
                ids[place] = np.concatenate([keys, later])
                similarities[place] = np.concatenate([one.similarities, similarities[place]])
        return ids, similarities
