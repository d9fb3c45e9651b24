"""The files of an index as they are written and merged: segments, people parts and means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from gestalt_space.gallery.means import PartMeans, mean_blocks
from gestalt_space.gallery.people import Arrays, folded_hashes, merged
from gestalt_space.index.checksums import check_file
from gestalt_space.index.manifest import (
    PartRecord,
    open_arrays,
    write_arrays,
)
from gestalt_space.index.means import (
    MeansRecord,
    open_means,
    write_means,
)
from gestalt_space.index.search import Searcher
from gestalt_space.index.segment import SegmentRecord, open_segment, rows_at_once
from gestalt_space.index.writing import merge_segments as write_merged
from gestalt_space.index.writing import write_segment
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store import tail
from gestalt_space.store.reads import StoredSpace

GROWTH = 2
"""A segment is merged with the one after it unless it has this many times its rows."""

Record = TypeVar("Record", SegmentRecord, PartRecord, MeansRecord)


@dataclass(frozen=True)
class IndexFiles:
    """Writes the files of a space's index; no manifest names them yet."""

    folder: Path
    space: StoredSpace

    def segment(self, rows: tail.NewRows) -> SegmentRecord:
        """Rows of the database as a segment."""
        return write_segment(
            self.folder,
            self.space.fingerprint,
            rows.ids,
            rows.patients,
            rows.ages,
            folded_hashes(rows.sites),
            rows.vectors,
        )

    def merge_segments(self, records: Sequence[SegmentRecord]) -> SegmentRecord | None:
        """Several as one, without what was removed; None where nothing is left.

        Raises `IndexDamaged` for a file that is not what was written.
        """
        for record in records:
            check_file(self.folder, record.vectors)
            check_file(self.folder, record.columns)
        segments = [open_segment(self.folder, record) for record in records]
        return write_merged(self.folder, self.space.fingerprint, segments)

    def part(self, arrays: Arrays) -> PartRecord:
        """A people part."""
        return write_arrays(self.folder, self.space.fingerprint, arrays)

    def merge_parts(self, records: Sequence[PartRecord]) -> PartRecord:
        """Several as one, the oldest first. Raises as `merge_segments` does."""
        for record in records:
            check_file(self.folder, record.file)
        parts = [open_arrays(self.folder, record) for record in records]
        return self.part(merged(parts, np.zeros(0, dtype=np.int64)))

    def merge_means(self, records: Sequence[MeansRecord]) -> MeansRecord | None:
        """Several as one, the oldest first; None where nobody is left. Raises likewise."""
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

    def means(
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


def rows_in(record: SegmentRecord) -> int:
    """How many rows a segment has, for `merged_small`."""
    return record.rows


def patients_in(record: PartRecord) -> int:
    """How many patients a people part has."""
    return record.sections["keys"]


def means_in(record: MeansRecord) -> int:
    """How many patients a part of means has."""
    return record.patients


def merged_small(
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
