"""What was removed leaves the files of an index: vectors, codes and means are overwritten where
they stand, and what else names a removed patient is written anew and the old file wiped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy.orm import Session

from gestalt_space.gallery.index_files import IndexFiles
from gestalt_space.gallery.people import People, merged
from gestalt_space.index.changing import blank_columns, scrub, wipe
from gestalt_space.index.checksums import FileRecord, check_file
from gestalt_space.index.manifest import (
    Manifest,
    PartRecord,
    open_arrays,
)
from gestalt_space.index.means import (
    MeansRecord,
    blank_keys,
    open_means,
    scrub_means,
)
from gestalt_space.index.segment import Segment, SegmentRecord
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store import tail

MOST_DEAD = 2
"""A segment is written anew when one in this many of its rows was removed."""


@dataclass
class Cleaning:
    """The cleaning of one space's index. What readers may still open is wiped by `finish`, once the
    new manifest is recorded."""

    files: IndexFiles
    _columns: list[tuple[SegmentRecord, Numbers]] = field(default_factory=list)
    _keys: list[tuple[MeansRecord, Numbers]] = field(default_factory=list)
    _parts: list[FileRecord] = field(default_factory=list)

    @property
    def is_due(self) -> bool:
        """Whether `finish` will wipe something."""
        return bool(self._columns or self._keys or self._parts)

    def finish(self) -> None:
        """Wipe what no manifest names any more. Raises `OutputError`."""
        folder = self.files.folder
        # Keys first: of whom a reader finds no mean, it makes one of the rows that it sees.
        for means, places in self._keys:
            blank_keys(folder, means, places)
        for record, rows in self._columns:
            blank_columns(folder, record, rows)
        for part in self._parts:
            wipe(folder / part.name)
        self.forget()

    def forget(self) -> None:
        """Leave the old files as they are: everything is written anew."""
        self._keys.clear()
        self._columns.clear()
        self._parts.clear()

    def segments(
        self, segments: Sequence[Segment], gone: Numbers
    ) -> tuple[tuple[SegmentRecord, ...], Numbers]:
        """The segments without what is gone, and whose it was."""
        kept: list[SegmentRecord] = []
        patients = [np.zeros(0, dtype=np.int64)]
        for segment in segments:
            record = segment.record
            rows = np.flatnonzero(np.isin(segment.ids, gone, kind="table"))
            if not len(rows):
                kept.append(record)
                continue
            check_file(self.files.folder, record.columns)
            patients.append(np.asarray(segment.patients[rows]))
            made = scrub(self.files.folder, record, rows)
            self._columns.append((record, rows))
            if made.removed * MOST_DEAD > made.rows:
                merged_one = self.files.merge_segments([made])
                kept += [] if merged_one is None else [merged_one]
            else:
                kept.append(made)
        return tuple(kept), np.concatenate(patients)

    def means(self, records: Sequence[MeansRecord], patients: Numbers) -> tuple[MeansRecord, ...]:
        """The means without those of patients, by their keys."""
        kept = []
        for record in records:
            places = np.flatnonzero(np.isin(open_means(self.files.folder, record).keys, patients))
            if len(places):
                check_file(self.files.folder, record.keys)
                self._keys.append((record, places))
                record = scrub_means(self.files.folder, record, places)
            kept.append(record)
        return tuple(kept)

    def lost(self, session: Session, manifest: Manifest, patients: Numbers) -> Numbers:
        """Who is in the parts and was removed, by their keys. `patients`: whose rows went."""
        parts = People(tuple(open_arrays(self.files.folder, record) for record in manifest.people))
        keys, _ = parts.pairs("patient")
        lost = np.setdiff1d(patients, tail.existing_patients(session, patients))
        # Who was put back by an undo has the old key, and comes with the tail.
        back = tail.patients_after(session, manifest.sequence, until=parts.last_key)
        there = tail.count_patients(session, until=parts.last_key)
        if len(np.setdiff1d(keys, lost)) != there - len(np.setdiff1d(back, keys)):
            # Others went who had no row here.
            lost = np.setdiff1d(keys, tail.existing_patients(session, keys))
        return lost

    def people(self, records: Sequence[PartRecord], lost: Numbers) -> list[PartRecord]:
        """The parts without some patients; those who are not in a part leave it as it is."""
        found = []
        for record in records:
            arrays = open_arrays(self.files.folder, record)
            if np.isin(lost, arrays["keys"]).any():
                check_file(self.files.folder, record.file)
                self._parts.append(record.file)
                record = self.files.part(merged([arrays], lost))
            found.append(record)
        return found
