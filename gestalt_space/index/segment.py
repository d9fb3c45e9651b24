"""Segments: a part of a space's rows, immutable, as three files that are mapped when it is opened.

`vectors.npy` float32 `(n, d)`; `codes.faiss`, the same in 8 bits; `columns.npy` int64 `(4, n)`, in
the order of the constants below. How they are written stands in `writing`, what may be changed of
them in `changing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gestalt_space.index.checksums import FileRecord, check_size
from gestalt_space.index.codes import Codes, Mask
from gestalt_space.index.mapped import MappedArray, map_array
from gestalt_space.types import Descriptors, Ids

IDS, PATIENTS, AGES, SITES = range(4)
"""Places of the columns: descriptors' identifiers, ascending; patients' keys in the database; ages
in years as the bits of float64; sites as 64-bit hashes."""
REMOVED = -1
"""In the place of a removed row's identifier and patient."""
NO_SITE = 0
_AT_ONCE = 4 * 2**20


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What a manifest records of a segment.

    `rows`, of which `removed` are removed; `scale` of the codes; `error`: no row's codes lie
    farther from its vector, in Euclidean norm.
    """

    name: str
    rows: int
    removed: int
    dim: int
    scale: float
    error: float
    vectors: FileRecord
    codes: FileRecord
    columns: FileRecord

    @property
    def files(self) -> tuple[FileRecord, ...]:
        """Its three files."""
        return self.vectors, self.codes, self.columns


class SearchRows(Protocol):
    """Rows that a search goes through: of a segment, or in memory."""

    @property
    def ids(self) -> Ids:
        """Descriptors' identifiers `(n,)` int64; -1 where a row is removed."""
        ...

    @property
    def patients(self) -> Ids:
        """Patients' keys in the database `(n,)` int64; -1 where a row is removed."""
        ...

    @property
    def ages(self) -> NDArray[np.float64]:
        """Ages in years `(n,)`; NaN where unknown."""
        ...

    @property
    def sites(self) -> Ids:
        """Hashes of the sites `(n,)` int64; 0 where unknown."""
        ...

    @property
    def vectors(self) -> Descriptors:
        """Descriptors `(n, d)`; zeros where a row is removed."""
        ...

    @property
    def kept(self) -> Mask | None:
        """Which rows `(n,)` are not removed; None where none is."""
        ...

    def take(self, rows: Ids) -> Descriptors:
        """A copy of some rows: `(m, d)`."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """A segment whose files are mapped. Its arrays are views and cannot be written to."""

    record: SegmentRecord
    ids: Ids
    patients: Ids
    ages: NDArray[np.float64]
    sites: Ids
    vectors: Descriptors
    codes: Codes
    _pages: MappedArray

    def __len__(self) -> int:
        return self.record.rows

    @property
    def name(self) -> str:
        """Its name, which no other segment has ever had."""
        return self.record.name

    @property
    def kept(self) -> Mask | None:
        """See `SearchRows.kept`."""
        return self.patients != REMOVED if self.record.removed else None

    def take(self, rows: Ids) -> Descriptors:
        """See `SearchRows.take`."""
        self._pages.read_ahead(rows)
        return self.vectors[rows]


@dataclass(frozen=True, slots=True, eq=False)
class MemorySegment:
    """Rows in memory: what was added after the manifest. None is removed."""

    ids: Ids
    patients: Ids
    ages: NDArray[np.float64]
    sites: Ids
    vectors: Descriptors

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def kept(self) -> Mask | None:
        """See `SearchRows.kept`."""
        kept: Mask = self.patients != REMOVED
        return None if kept.all() else kept

    def take(self, rows: Ids) -> Descriptors:
        """See `SearchRows.take`."""
        return self.vectors[rows]


def open_segment(folder: Path, record: SegmentRecord) -> Segment:
    """Map a segment's files. Vectors and codes are not read: `verify_segment` does that.

    Raises `IndexDamaged` for a file that is missing, cut short, or of another shape or kind, and
    for few columns that are not what was written.
    """
    vectors = map_array(folder, record.vectors, (record.rows, record.dim), "<f4")
    columns = map_array(folder, record.columns, (4, record.rows), "<i8", hashed=True).array
    codes = Codes(check_size(folder, record.codes), record.codes.bytes, record.rows, record.dim)
    return Segment(
        record=record,
        ids=columns[IDS],
        patients=columns[PATIENTS],
        ages=columns[AGES].view(np.float64),
        sites=columns[SITES],
        vectors=vectors.array,
        codes=codes,
        _pages=vectors,
    )


def blocks_of(vectors: Descriptors) -> Iterator[Descriptors]:
    """`(n, d)` vectors by 4 MiB, in their order; views where they lie in C order already."""
    step = rows_at_once(vectors.shape[1])
    for start in range(0, len(vectors), step):
        yield np.ascontiguousarray(vectors[start : start + step], dtype=np.float32)


def rows_at_once(dim: int) -> int:
    """How many rows of float32 are 4 MiB."""
    return max(1, _AT_ONCE // (4 * max(1, dim)))
