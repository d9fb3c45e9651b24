"""Photos into the gallery: which are passed over, and what becomes of the others, a batch in a
transaction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, DescriptorError
from gestalt_space.gallery.copies import Copy, find_copies, look_of
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.pipeline import PhotoResult, PhotoSource, Skip
from gestalt_space.gallery.snapshot import load_index
from gestalt_space.gallery.storing import Added, added_row, new_photo
from gestalt_space.index.contract import VectorIndex
from gestalt_space.index.generation import delete_others
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.facts import Told
from gestalt_space.store.runs import add_run
from gestalt_space.types import Descriptors, EncodingRun, Ids

WRITE_BATCH = 32
"""Photos that go into the database in one transaction."""
_BLOCKS = 64


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How photos are added. `detector`: as it was asked for; `exact_landmarks`: from a file.

    `update`: what a row tells takes the place of what the gallery has.
    """

    detector: str
    exact_landmarks: bool
    keep_crops: bool
    update: bool


def passed_over(database: Database, options: AddOptions) -> Skip:
    """Says of photos whether they are stored by now, and nothing asked for can give another face.

    Asked of the database photo by photo: the gallery, and the rows, may be too many to hold.
    """
    with database.reading() as session:
        last = reads.last_face(session)

    def skip(source: PhotoSource, sha256: str) -> bool:
        if options.exact_landmarks:
            return False
        with database.reading() as session:
            stored = reads.stored_face(session, sha256, source.patient, until=last)
        return (
            stored is not None
            and source.face in (None, stored.number)
            and options.detector in ("auto", stored.detector)
        )

    return skip


@dataclass
class Adding:
    """One command's photos on their way into the database.

    `space_id` gives the key of the gallery's space, made where it is new; `made_by` the run of the
    encoder, opened by then. `told`: what all rows tell of each patient. `replaced`: whether
    anything that was there has gone.
    """

    database: Database
    index_dir: Path
    space_id: Callable[[Session], int]
    made_by: Callable[[], EncodingRun]
    options: AddOptions
    told: dict[str, Told]
    replaced: bool = False
    _given: set[tuple[str, str]] = field(default_factory=set)
    _later: list[tuple[Ids, Descriptors]] = field(default_factory=list)

    def store(self, results: Iterable[tuple[Intake, PhotoResult]]) -> Iterator[Added]:
        """What became of each row, in order."""
        results = iter(results)
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
        with self.database.writing() as session:
            is_encoded = any(photo.encoded is not None for photo in photos)
            stored = writes.add_photos(
                session,
                photos,
                space_id=self.space_id(session),
                run_id=add_run(session, self.made_by()) if is_encoded else None,
                update=self.options.update,
            )
            self.replaced |= any(one.replaced for one in stored)
            if any(one.other_face for one in stored):
                # Before the commit: a crash after it must leave no replaced descriptor on the disk.
                for space in reads.spaces(session):
                    delete_others(self.index_dir, space.fingerprint)
        return stored

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
        # Where the database is damaged, matches and `gestalt doctor` tell of it.
        with suppress(DatabaseError, DescriptorError):
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
        is_first = "_index" not in self.__dict__
        keys = np.array([one.descriptor_id for one in stored if one and one.descriptor_id])
        described = [batch[place][1].descriptor for place in new]
        descriptors = np.stack([one for one in described if one is not None])
        index = self._index
        if not is_first:
            self._later.append((keys, descriptors))
        if len(self._later) > _BLOCKS:
            blocks, rows_of = zip(*self._later, strict=True)
            self._later = [(np.concatenate(blocks), np.concatenate(rows_of))]
        ids = np.concatenate([index.ids, *(block for block, _ in self._later)])
        similarities = np.concatenate(
            [index.similarities(descriptors), *(descriptors @ rows.T for _, rows in self._later)],
            axis=1,
        )
        with self.database.reading() as session:
            for place, key, row in zip(new, keys, similarities, strict=True):
                result, record = batch[place][1], batch[place][0].record
                assert result.face is not None, "it has a descriptor"  # noqa: S101
                assert record is not None, "it was stored"  # noqa: S101
                # Of two that came together, the later one is told.
                row[ids >= key] = -1
                look = look_of(result.face.crop)
                found[place] = find_copies(session, look, row, ids, not_of=[record.patient])

    @cached_property
    def _index(self) -> VectorIndex:
        """The space's descriptors at the first question, what was added until then among them."""
        with self.database.writing() as session:
            space_id = self.space_id(session)
        with self.database.reading() as session:
            space = next(one for one in reads.spaces(session) if one.id == space_id)
            return load_index(session, space, self.index_dir)
