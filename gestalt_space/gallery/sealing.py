"""How the index on disk follows the database: what came becomes a segment, what went is
overwritten, and small segments are merged. All of it under the home's lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.errors import DatabaseError, DescriptorError, GalleryChanged, IndexDamaged
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.means import PartMeans, mean_blocks
from gestalt_space.gallery.people import Arrays, People, arrays_of, folded_hashes, merged
from gestalt_space.gallery.reader import open_index
from gestalt_space.index.approximate import ApproximateRecord
from gestalt_space.index.approximating import Built
from gestalt_space.index.changing import blank_columns, scrub, wipe, with_columns
from gestalt_space.index.checksums import check_file
from gestalt_space.index.manifest import (
    Manifest,
    PartRecord,
    delete_unnamed,
    open_arrays,
    save_manifest,
    write_arrays,
)
from gestalt_space.index.means import (
    MeansRecord,
    blank_keys,
    open_means,
    scrub_means,
    write_means,
)
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import SegmentRecord, open_segment, rows_at_once
from gestalt_space.index.writing import merge_segments, write_segment
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store import purges, tail, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace

SEALED_FROM = 256
"""Rows or patients in the tail from which on a segment is made of them: to read fewer from the
database takes a few milliseconds at each open."""
SEGMENT_NUMBERS = 2**25
"""Rows × dimension of a segment, 65,536 rows of 512: a search goes through each with one thread."""
FEWEST_ROWS = 1024
MOST_SEGMENTS = 64
"""Beyond, segments are larger: each costs a search about 0.2 ms."""
GROWTH = 2
"""A segment is merged with the one after it unless it has this many times its rows."""
MOST_DEAD = 2
"""A segment is written anew when one in this many of its rows was removed."""

Record = TypeVar("Record", SegmentRecord, PartRecord, MeansRecord)


@dataclass(frozen=True)
class Sealer:
    """Lets the index of one space in one home follow the database.

    `timeout`: seconds to wait for another process that does.
    """

    database: Database
    space: StoredSpace
    folder: Path
    timeout: float
    _blanked: list[tuple[SegmentRecord, Numbers]] = field(default_factory=list)
    """Columns that no reader opens any more, and the rows to be taken out of them."""
    _blanked_keys: list[tuple[MeansRecord, Numbers]] = field(default_factory=list)
    """Likewise the keys of means."""

    def follow(self, *, rebuild: bool = False) -> bool:
        """Bring the index up to the database where it lacks much or has what was removed; says
        whether it did. With `rebuild`, from the database alone.

        What was removed is off the disk afterwards. Raises `OutputError`.
        """
        with locked(self.folder, self.timeout):
            with self.database.reading() as session:
                mark = tail.read_mark(session, self.space.id)
                known = None if rebuild else self._known(mark.digest)
                made = None if known is None else self._followed_if_whole(session, mark, known)
                if made is None:
                    made = self._built_anew(session, mark, keep=rebuild)
            if made != known:
                self._record(made)
            # Keys first: of whom a reader finds no mean, it makes one of the rows that it sees.
            for means, places in self._blanked_keys:
                blank_keys(self.folder, means, places)
            for record, rows in self._blanked:
                blank_columns(self.folder, record, rows)
            self._blanked_keys.clear()
            self._blanked.clear()
            delete_unnamed(self.folder, self.space.fingerprint, made)
            return made != known

    def keep_approximate(self, built: Built, epoch: int) -> ApproximateRecord:
        """Write an approximate index and record it, in the place of one of its kind.

        `epoch`: that of the state that it was built of. Raises `GalleryChanged` where somebody was
        removed since, `OutputError`, `IndexDamaged` where there is no index on disk any more.
        """
        with locked(self.folder, self.timeout):
            with self.database.reading() as session:
                mark = tail.read_mark(session, self.space.id)
            if mark.epoch != epoch:
                raise GalleryChanged(
                    "Somebody was removed while the index was built.", "Build it again."
                )
            known = self._known(mark.digest)
            if known is None:
                raise IndexDamaged(
                    "The index on disk is not whole.", "Run `gestalt index rebuild`."
                )
            record = built.write(self.folder, self.space.fingerprint)
            others = tuple(one for one in known.approximate if one.kind != record.kind)
            made = replace(known, approximate=(*others, record))
            self._record(made)
            delete_unnamed(self.folder, self.space.fingerprint, made)
            return record

    @property
    def _segment_rows(self) -> int:
        return max(FEWEST_ROWS, SEGMENT_NUMBERS // self.space.dim)

    def _known(self, digest: str | None) -> Manifest | None:
        """The index that is in force; None where there is none or it is not whole."""
        if digest is None:
            return None
        try:
            return open_index(self.folder, self.space, digest)[0]
        except IndexDamaged:
            return None

    def _built_anew(self, session: Session, mark: tail.Mark, *, keep: bool) -> Manifest:
        """Everything, from the database. Where that is damaged, what is on disk is deleted, which
        may have what was removed, unless it is to be kept."""
        try:
            return self._built(session, mark)
        except (DatabaseError, DescriptorError):
            if not keep:
                delete_unnamed(self.folder, self.space.fingerprint, None)
            raise

    def _built(self, session: Session, mark: tail.Mark) -> Manifest:
        """Everything, from the database."""
        segments = [
            self._segment(rows)
            for rows in tail.row_blocks(session, self.space, -1, size=self._segment_rows)
        ]
        people = tail.people_after(session, -1)
        return Manifest(
            space=self.space.fingerprint,
            dim=self.space.dim,
            sequence=mark.sequence,
            segments=tuple(segments),
            people=(self._part(arrays_of(people)),) if len(people.keys) else (),
            means=self._means(segments),
        )

    def _followed_if_whole(
        self, session: Session, mark: tail.Mark, known: Manifest
    ) -> Manifest | None:
        """None where a file that is to be copied is not what was written."""
        try:
            return self._followed(session, mark, known)
        except (IndexDamaged, DescriptorError):
            self._blanked.clear()
            self._blanked_keys.clear()
            return None

    def _followed(self, session: Session, mark: tail.Mark, known: Manifest) -> Manifest:
        after = known.sequence
        gone = tail.removed_after(session, self.space, after)
        made, patients = known, np.zeros(0, dtype=np.int64)
        if len(gone):
            segments, patients = self._scrubbed(known.segments, gone)
            means = self._scrubbed_means(known.means, patients)
            made = replace(known, segments=segments, means=means)
            if segments != known.segments:
                # Their files have the vectors of the removed as well, and FAISS takes none out.
                for one in known.approximate:
                    wipe(self.folder, one.file)
                made = replace(made, approximate=())
        if purges.pending_purges(session) and len(lost := self._lost(session, made, patients)):
            made = replace(made, people=tuple(self._without(made.people, lost)))
        waiting = tail.count_waiting(session, self.space, after)
        if max(waiting) < SEALED_FROM:
            return replace(made, means=self._followed_means(made, patients))
        made = replace(made, segments=self._corrected(session, made.segments, after))
        new = []
        for rows in tail.row_blocks(session, self.space, after, size=self._segment_rows):
            new.append(self._segment(rows))
            patients = np.union1d(patients, rows.patients)
        people = tail.people_after(session, after)
        parts = [*made.people, *([self._part(arrays_of(people))] if len(people.keys) else [])]
        total = sum(one.rows for one in (*made.segments, *new))
        most = max(self._segment_rows, total // MOST_SEGMENTS)
        made = replace(
            made,
            sequence=mark.sequence,
            segments=_merged([*made.segments, *new], _rows, most, self._merge_segments),
            people=_merged(parts, _patients, None, self._merge_parts),
        )
        return replace(made, means=self._followed_means(made, patients))

    def _scrubbed(
        self, records: Sequence[SegmentRecord], gone: Numbers
    ) -> tuple[tuple[SegmentRecord, ...], Numbers]:
        """The segments without what is gone, and whose it was."""
        kept: list[SegmentRecord] = []
        patients = [np.zeros(0, dtype=np.int64)]
        for record in records:
            segment = open_segment(self.folder, record)
            rows = np.flatnonzero(np.isin(segment.ids, gone, kind="table"))
            if not len(rows):
                kept.append(record)
                continue
            check_file(self.folder, record.columns)
            patients.append(np.asarray(segment.patients[rows]))
            made = scrub(self.folder, record, rows)
            self._blanked.append((record, rows))
            if made.removed * MOST_DEAD > made.rows:
                merged_one = self._merge_segments([made])
                kept += [] if merged_one is None else [merged_one]
            else:
                kept.append(made)
        return tuple(kept), np.concatenate(patients)

    def _scrubbed_means(
        self, records: Sequence[MeansRecord], patients: Numbers
    ) -> tuple[MeansRecord, ...]:
        """The means without those of patients, by their keys."""
        kept = []
        for record in records:
            places = np.flatnonzero(np.isin(open_means(self.folder, record).keys, patients))
            if len(places):
                check_file(self.folder, record.keys)
                self._blanked_keys.append((record, places))
                record = scrub_means(self.folder, record, places)
            kept.append(record)
        return tuple(kept)

    def _followed_means(self, made: Manifest, patients: Numbers) -> tuple[MeansRecord, ...]:
        """The means, with new ones of patients who got or lost photos."""
        new = self._means(made.segments, patients) if len(patients) else ()
        if not new:
            return made.means
        return _merged([*made.means, *new], _means_of, None, self._merge_means)

    def _means(
        self, records: Sequence[SegmentRecord], patients: Numbers | None = None
    ) -> tuple[MeansRecord, ...]:
        """The means of patients by their keys, or of everybody, over all their rows: one part, or
        none where they have no row."""
        segments = [open_segment(self.folder, record) for record in records]
        searcher = Searcher(self.space.dim, segments)
        owners = searcher.column("patients")
        there = owners >= 0 if patients is None else np.isin(owners, patients[patients >= 0])
        rows = np.flatnonzero(there)
        count = len(np.unique(owners[rows]))
        if not count:
            return ()
        blocks = mean_blocks(searcher, rows, owners[rows])
        return (write_means(self.folder, self.space.fingerprint, self.space.dim, count, blocks),)

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

    def _segment(self, rows: tail.NewRows) -> SegmentRecord:
        return write_segment(
            self.folder,
            self.space.fingerprint,
            rows.ids,
            rows.patients,
            rows.ages,
            folded_hashes(rows.sites),
            rows.vectors,
        )

    def _merge_segments(self, records: Sequence[SegmentRecord]) -> SegmentRecord | None:
        for record in records:
            check_file(self.folder, record.vectors)
            check_file(self.folder, record.columns)
        segments = [open_segment(self.folder, record) for record in records]
        return merge_segments(self.folder, self.space.fingerprint, segments)

    def _part(self, arrays: Arrays) -> PartRecord:
        return write_arrays(self.folder, self.space.fingerprint, arrays)

    def _merge_parts(self, records: Sequence[PartRecord]) -> PartRecord:
        for record in records:
            check_file(self.folder, record.file)
        parts = [open_arrays(self.folder, record) for record in records]
        return self._part(merged(parts, np.zeros(0, dtype=np.int64)))

    def _merge_means(self, records: Sequence[MeansRecord]) -> MeansRecord | None:
        for record in records:
            check_file(self.folder, record.keys)
            check_file(self.folder, record.means)
        parts = [open_means(self.folder, record) for record in records]
        means = PartMeans(self.space.dim, parts)
        count, step = len(means.keys), rows_at_once(self.space.dim)
        if not count:
            return None
        places = [np.arange(first, min(first + step, count)) for first in range(0, count, step)]
        blocks = ((means.keys[some], means.of(some)) for some in places)
        return write_means(self.folder, self.space.fingerprint, self.space.dim, count, blocks)

    def _lost(self, session: Session, manifest: Manifest, patients: Numbers) -> Numbers:
        """Who is in the parts and was removed, by their keys. `patients`: whose rows went."""
        parts = People(tuple(open_arrays(self.folder, record) for record in manifest.people))
        keys, _ = parts.pairs("patient")
        lost = np.setdiff1d(patients, tail.existing_patients(session, patients))
        if len(np.setdiff1d(keys, lost)) != tail.count_patients(session, until=parts.last_key):
            # Others went who had no row here.
            lost = np.setdiff1d(keys, tail.existing_patients(session, keys))
        return lost

    def _without(self, records: Sequence[PartRecord], lost: Numbers) -> list[PartRecord]:
        """The parts without some patients; those who are not in a part leave it as it is."""
        found = []
        for record in records:
            arrays = open_arrays(self.folder, record)
            if np.isin(lost, arrays["keys"]).any():
                check_file(self.folder, record.file)
                record = self._part(merged([arrays], lost))
            found.append(record)
        return found

    def _record(self, manifest: Manifest) -> None:
        digest = save_manifest(self.folder, manifest)
        with self.database.writing() as session:
            writes.record_generation(
                session, self.space.id, sequence=manifest.sequence, digest=digest
            )


def _rows(record: SegmentRecord) -> int:
    return record.rows


def _patients(record: PartRecord) -> int:
    return record.sections["keys"]


def _means_of(record: MeansRecord) -> int:
    return record.patients


def _merged(
    records: Sequence[Record],
    size: Callable[[Record], int],
    most: int | None,
    merge: Callable[[Sequence[Record]], Record | None],
) -> tuple[Record, ...]:
    """The records, the last ones merged until each is `GROWTH` times the next: so that a row is
    written again a number of times that grows as the logarithm of all."""
    kept = list(records)
    last: list[Record] = [kept.pop()] if kept else []
    total = sum(map(size, last))
    while kept and size(kept[-1]) < GROWTH * total:
        if most is not None and size(kept[-1]) + total > most:
            break
        last.insert(0, kept.pop())
        total += size(last[0])
    if len(last) < 2:
        return tuple(records)
    made = merge(last)
    if made is not None:
        kept.append(made)
    return tuple(kept)
