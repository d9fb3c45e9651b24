"""How the index on disk follows the database: what came becomes a segment, what went is
overwritten, and small segments are merged. All of it under the home's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, DescriptorError, GalleryChanged, IndexDamaged
from gestalt_space.gallery.cleaning import Cleaning
from gestalt_space.gallery.damage import blaming_files
from gestalt_space.gallery.identity import home_of, registered_home
from gestalt_space.gallery.index_files import (
    IndexFiles,
    means_in,
    merged_small,
    patients_in,
    rows_in,
)
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.people import arrays_of, folded_hashes
from gestalt_space.gallery.reader import open_index
from gestalt_space.gallery.repairs import Repair, rebuilt
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.approximating import Built
from gestalt_space.index.changing import wipe, with_columns
from gestalt_space.index.checksums import check_file
from gestalt_space.index.manifest import (
    Manifest,
    delete_unnamed,
    load_manifest,
    save_manifest,
    unnamed_files,
)
from gestalt_space.index.means import (
    MeansRecord,
)
from gestalt_space.index.segment import Segment, SegmentRecord, open_segment
from gestalt_space.progress import Progress, no_progress
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store import homes, purges, tail
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.spaces import has_space

SEALED_FROM = 256
"""Rows or patients in the tail from which on a segment is made of them: to read fewer from the
database takes a few milliseconds at each open."""
SEGMENT_NUMBERS = 2**25
"""Rows × dimension of a segment, 65,536 rows of 512: a search goes through each with one thread."""
FEWEST_ROWS = 1024
MOST_SEGMENTS = 64
"""Beyond, segments are larger: each costs a search about 0.2 ms."""


@dataclass(frozen=True)
class Sealer:
    """Lets the index of one space in one home follow the database.

    `timeout`: seconds to wait for another process that does. `repairs`: what was mended is added.
    """

    database: Database
    space: StoredSpace
    folder: Path
    timeout: float
    repairs: list[Repair] = field(default_factory=list)

    def follow(self, *, rebuild: bool = False, progress: Progress = no_progress) -> bool:
        """Bring the index up to the database where it lacks much or has what was removed; says
        whether it did. With `rebuild`, from the database alone.

        What was removed is off the disk afterwards. Raises `OutputError`.
        """
        cleaning = Cleaning(self._files)
        with locked(self.folder, self.timeout):
            home = registered_home(self.database, self.folder)
            with self.database.reading() as session:
                if not has_space(session, self.space.id, self.space.fingerprint):
                    return False  # dropped by another process, which wipes its files
                mark = tail.read_mark(session, self.space.id, home)
                is_pending = bool(purges.pending_purges(session, home))
                known = made = damage = None
                try:
                    if mark.digest is not None and not rebuild:
                        known, segments = self._opened(mark.digest)
                        with blaming_files(self.folder, known):
                            made = self._followed(session, mark, known, segments, cleaning)
                except (IndexDamaged, DescriptorError) as error:
                    cleaning.forget()
                    damage = error
                followed = known if made is not None else None
                if made is None:
                    made = self._built_anew(session, mark, progress, keep=rebuild)
            if made != known:
                is_wiped = cleaning.is_due or (is_pending and followed is None)
                self._record(home, made, cleaned=is_wiped)
            cleaning.finish()
            if is_pending:
                self._wipe_left(made, followed)
            delete_unnamed(self.folder, self.space.fingerprint, made)
            if damage is not None:
                self.repairs.append(rebuilt(damage.message))
            return made != known

    def manifest(self) -> Manifest | None:
        """What the index in force has; None where there is none, or its manifest is damaged."""
        with self.database.reading() as session:
            mark = tail.read_mark(session, self.space.id, home_of(session, self.folder))
        if mark.digest is None:
            return None
        try:
            return load_manifest(self.folder, self.space.fingerprint, mark.digest)
        except IndexDamaged:
            return None

    def tidy(self) -> bool:
        """Delete the files that a process left that was stopped before it recorded them; says
        whether there were any. Nobody reads them, and none has what was removed: a removal wipes
        them. Raises `OutputError` where somebody is at work."""
        if not self._left():
            return False
        with locked(self.folder, 0):
            left = self._left()
            for path in left:
                path.unlink(missing_ok=True)
        return bool(left)

    def keep_approximate(self, built: Built, epoch: int) -> ApproximateRecord:
        """Write an approximate index and record it, in the place of one of its kind.

        `epoch`: that of the state that it was built of. Raises `GalleryChanged` where somebody was
        removed since, `OutputError`, `IndexDamaged` where there is no index on disk any more.
        """
        with locked(self.folder, self.timeout):
            home = registered_home(self.database, self.folder)
            with self.database.reading() as session:
                mark = tail.read_mark(session, self.space.id, home)
            if mark.epoch != epoch:
                raise GalleryChanged(
                    "A patient was removed while the index was built.",
                    "Run the same command again.",
                )
            if mark.digest is None:
                raise IndexDamaged("There is no index on disk.", "Run `gestalt index rebuild`.")
            known, _ = self._opened(mark.digest)
            record = built.write(self.folder, self.space.fingerprint)
            others = tuple(one for one in known.approximate if one.kind != record.kind)
            made = replace(known, approximate=(*others, record))
            self._record(home, made)
            delete_unnamed(self.folder, self.space.fingerprint, made)
            return record

    @property
    def _files(self) -> IndexFiles:
        return IndexFiles(self.folder, self.space)

    @property
    def _segment_rows(self) -> int:
        return max(FEWEST_ROWS, SEGMENT_NUMBERS // self.space.dim)

    def _left(self) -> list[Path]:
        """The files of the space in the folder that the index in force does not name."""
        with self.database.reading() as session:
            digest = tail.read_mark(session, self.space.id, home_of(session, self.folder)).digest
        if digest is None:
            return unnamed_files(self.folder, self.space.fingerprint, None)
        try:
            manifest = load_manifest(self.folder, self.space.fingerprint, digest)
        except IndexDamaged:
            return []  # it is written anew where it is read
        return unnamed_files(self.folder, self.space.fingerprint, manifest)

    def _opened(self, digest: str) -> tuple[Manifest, tuple[Segment, ...]]:
        """The index that is in force, and its segments. Raises `IndexDamaged`."""
        return open_index(self.folder, self.space, digest)[:2]

    def _built_anew(
        self, session: Session, mark: tail.DatabasePosition, progress: Progress, *, keep: bool
    ) -> Manifest:
        """Everything, from the database. Where that is damaged, what is on disk is deleted, which
        may have what was removed, unless it is to be kept."""
        try:
            return self._built(session, mark, progress)
        except (DatabaseError, DescriptorError):
            if not keep:
                delete_unnamed(self.folder, self.space.fingerprint, None)
            raise

    def _built(self, session: Session, mark: tail.DatabasePosition, progress: Progress) -> Manifest:
        """Everything, from the database."""
        whole, done = tail.count_waiting(session, self.space, -1)[0], 0
        segments = []
        for rows in tail.row_blocks(session, self.space, -1, size=self._segment_rows):
            segments.append(self._files.segment(rows))
            done += len(rows.ids)
            progress(done, whole)
        people = tail.people_after(session, -1)
        return Manifest(
            space=self.space.fingerprint,
            dim=self.space.dim,
            sequence=mark.sequence,
            segments=tuple(segments),
            people=(self._files.part(arrays_of(people)),) if len(people.keys) else (),
            means=self._files.means(segments),
        )

    def _followed(
        self,
        session: Session,
        mark: tail.DatabasePosition,
        known: Manifest,
        opened: Sequence[Segment],
        cleaning: Cleaning,
    ) -> Manifest:
        """What is known, and what came after it. Raises `IndexDamaged` for a file that is to be
        copied and is not what was written, `DescriptorError`."""
        after = known.sequence
        gone = tail.removed_after(session, self.space, after)
        made, patients = known, np.zeros(0, dtype=np.int64)
        if len(gone):
            segments, patients = cleaning.segments(opened, gone)
            means = cleaning.means(known.means, patients)
            made = replace(known, segments=segments, means=means)
            if segments != known.segments:
                # Their files have the vectors of the removed as well, and FAISS takes none out.
                for one in known.approximate:
                    wipe(self.folder / one.file.name)
                made = replace(made, approximate=())
        pending = purges.pending_purges(session, home_of(session, self.folder))
        if pending and len(lost := cleaning.lost(session, made, patients)):
            made = replace(made, people=tuple(cleaning.people(made.people, lost)))
        waiting = tail.count_waiting(session, self.space, after)
        if max(waiting) < SEALED_FROM:
            return replace(made, means=self._followed_means(made, patients))
        made = replace(made, segments=self._corrected(session, made.segments, after))
        new = []
        for rows in tail.row_blocks(session, self.space, after, size=self._segment_rows):
            new.append(self._files.segment(rows))
            patients = np.union1d(patients, rows.patients)
        people = tail.people_after(session, after)
        parts = [*made.people, *([self._files.part(arrays_of(people))] if len(people.keys) else [])]
        total = sum(one.rows for one in (*made.segments, *new))
        most = max(self._segment_rows, total // MOST_SEGMENTS)
        made = replace(
            made,
            sequence=mark.sequence,
            segments=merged_small(
                [*made.segments, *new], rows_in, most, self._files.merge_segments
            ),
            people=merged_small(parts, patients_in, None, self._files.merge_parts),
        )
        return replace(made, means=self._followed_means(made, patients))

    def _followed_means(self, made: Manifest, patients: Numbers) -> tuple[MeansRecord, ...]:
        """The means, with new ones of patients who got or lost photos."""
        new = self._files.means(made.segments, patients) if len(patients) else ()
        if not new:
            return made.means
        return merged_small([*made.means, *new], means_in, None, self._files.merge_means)

    def _corrected(
        self, session: Session, records: Sequence[SegmentRecord], after: int
    ) -> tuple[SegmentRecord, ...]:
        """The segments with the ages and sites that were corrected."""
        photos = tail.corrected_photos_after(session, self.space, after)
        if not len(photos.ids):
            return tuple(records)
        hashes = folded_hashes(photos.sites)
        found = []
        for record in records:
            segment = open_segment(self.folder, record)
            rows = np.flatnonzero(np.isin(segment.ids, photos.ids, kind="table"))
            if len(rows):
                check_file(self.folder, record.columns)
                places = np.searchsorted(photos.ids, segment.ids[rows])
                new_ages, new_sites = segment.ages.copy(), segment.sites.copy()
                new_ages[rows], new_sites[rows] = photos.ages[places], hashes[places]
                record = with_columns(self.folder, record, new_ages, new_sites)
            found.append(record)
        return tuple(found)

    def _wipe_left(self, made: Manifest, followed: Manifest | None) -> None:
        """Wipe the files that are to be deleted and may have what was removed: those that a process
        left that was stopped, and all of an index that was not followed."""
        clean = {file.name for file in followed.files} if followed is not None else set()
        for path in unnamed_files(self.folder, self.space.fingerprint, made):
            if path.name not in clean:
                wipe(path)

    def _record(self, home: str, manifest: Manifest, *, cleaned: bool = False) -> None:
        digest = save_manifest(self.folder, manifest)
        with self.database.writing() as session:
            homes.record_generation(
                session,
                home,
                self.space.id,
                sequence=manifest.sequence,
                digest=digest,
                cleaned=cleaned,
            )
