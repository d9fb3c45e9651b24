"""The state of a gallery in one space, as of one number: what a match reads. It never changes, and
threads share it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import IndexDamaged, UsageError
from gestalt_space.gallery.group_means import GroupMeans, group_means
from gestalt_space.gallery.means import PartMeans, mean_blocks
from gestalt_space.gallery.people import People
from gestalt_space.index.accelerator import Accelerator
from gestalt_space.index.approximate import Approximate, ApproximateKind, ApproximateSearcher
from gestalt_space.index.checksums import REBUILD
from gestalt_space.index.means import MeansPart
from gestalt_space.index.search import Candidates, Column, Searcher
from gestalt_space.index.segment import MemorySegment, Segment
from gestalt_space.lazy_value import LazyValue
from gestalt_space.ranking.calibration import Calibration
from gestalt_space.ranking.contenders import Nearest
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store.people import By
from gestalt_space.store.reads import StoredSpace
from gestalt_space.store.tail import DatabasePosition
from gestalt_space.types import Descriptors


@dataclass(frozen=True, slots=True)
class CorrectedPhotos:
    """Ages and sites of photos that were corrected since their segment was written, by the keys of
    their descriptors `(c,)`, ascending; sites as 64-bit hashes."""

    ids: Numbers
    ages: NDArray[np.float64]
    sites: Numbers


@dataclass(frozen=True, slots=True)
class Totals:
    """How much of a gallery could be a line's evidence: `lines`, `patients` and `photos` of those
    who belong to one."""

    lines: int
    patients: int
    photos: int


class GalleryState:
    """The descriptors of a space, whose they are, and what is known of them, at one number.

    Rows are numbered over all segments. `gone`: rows removed since their segment was written,
    ascending. `calibration`: None where none was fitted. `damage`: why the index on disk was not
    used, None where it was.
    """

    def __init__(
        self,
        space: StoredSpace,
        mark: DatabasePosition,
        segments: Sequence[Segment],
        tail: MemorySegment | None,
        people: People,
        means: Sequence[MeansPart],
        *,
        gone_ids: Numbers,
        corrected: CorrectedPhotos,
        calibration: Calibration | None,
        damage: str | None = None,
        accelerator: Accelerator | None = None,
        approximates: Sequence[Approximate] = (),
    ) -> None:
        self.space = space
        self.mark = mark
        self.people = people
        self.calibration = calibration
        self.damage = damage
        self.searcher = Searcher(space.dim, segments, tail, accelerator)
        self.approximates = tuple(approximates)
        self._nearly = {
            one.record.kind: ApproximateSearcher(one, self.searcher) for one in approximates
        }
        self._corrected = corrected
        self.gone = self.rows_with(gone_ids)
        self._reading = LazyValue(self._read)
        # Read now: whoever cleans the index takes them out of the columns.
        self._lost = self.column_at("patients", self.gone)
        self._mean_parts = tuple(means)
        self._means = LazyValue(self._read_means)
        self._groups = {by: LazyValue(partial(self._read_groups, by)) for by in _BYS}
        self._ids = LazyValue(lambda: self.searcher.column("ids"))
        self._patients = LazyValue(self._read_patients)
        self._photo_counts = LazyValue(self._count_photos)
        self._totals = {by: LazyValue(partial(self._count_totals, by)) for by in _BYS}

    @property
    def ids(self) -> Numbers:
        """`(n,)`: the descriptors' keys in the database; -1 for one that was removed before its
        segment was opened."""
        return self._ids()

    @property
    def patients(self) -> Numbers:
        """`(n,)`: the key of each row's patient; -1 for a row that was removed."""
        return self._patients()

    @property
    def ages(self) -> NDArray[np.float64]:
        """`(n,)`: the age at each photo in years, NaN where it is not known."""
        ages = self.searcher.column("ages").copy()
        rows, there = self._corrected_rows()
        ages[rows] = self._corrected.ages[there]
        return ages

    @property
    def sites(self) -> Numbers:
        """`(n,)`: the hash of each photo's site, 0 where it is not known."""
        sites = self.searcher.column("sites").copy()
        rows, there = self._corrected_rows()
        sites[rows] = self._corrected.sites[there]
        return sites

    @property
    def photo_counts(self) -> Numbers:
        """By patients' keys, how many rows each has; 0 for keys that nobody has."""
        return self._photo_counts()

    @property
    def photos(self) -> int:
        """How many descriptors there are."""
        # Not by patients: whoever writes asks for this number alone.
        there = sum(int(np.count_nonzero(part.patients >= 0)) for part in self.searcher.parts)
        return there - int(np.count_nonzero(self.column_at("patients", self.gone) >= 0))

    @property
    def searched_on(self) -> str:
        """What searches it now: `processor`, or the name of a GPU."""
        return self.searcher.searched_on

    def totals(self, by: By) -> Totals:
        """How much there is to rank."""
        return self._totals[by]()

    @property
    def means(self) -> PartMeans:
        """The mean descriptor of everybody who has a row."""
        return self._means()

    def groups(self, by: By) -> GroupMeans:
        """Disorders, genes or patients by the means of their patients."""
        return self._groups[by]()

    def __len__(self) -> int:
        """How many rows there are, removed ones among them."""
        return len(self.searcher)

    def read_ahead(self) -> None:
        """Begin to read what a search goes through, beside whatever else is done: page by page,
        the first search after a start of the machine would take seconds."""
        self._reading()

    def _read(self) -> Thread:
        reading = Thread(target=self._prefetch, name="read-ahead", daemon=True)
        reading.start()
        return reading

    def _prefetch(self) -> None:
        # A file that another process has merged meanwhile, or that is damaged: the search says so.
        with suppress(IndexDamaged):
            self.searcher.prefetch()

    def nearest_of(
        self,
        probes: Descriptors,
        count: int,
        among: NDArray[np.bool_] | None = None,
        *,
        least: float = -np.inf,
    ) -> list[Nearest]:
        """The photos nearest to each of some probes `(q, d)`, `count` or more, of the rows `among`
        `(n,)` alone. Similarities may err by their tolerance, and photos that are less similar than
        `least` may be missing."""
        return self._nearest(self.searcher.candidates_of(probes, count, among, least=least))

    def approximate(self, kind: ApproximateKind) -> ApproximateSearcher:
        """The approximate index of a kind. Raises `UsageError` where there is none."""
        found = self._nearly.get(kind)
        if found is None:
            raise UsageError(
                f"The gallery has no {kind} index in this space. Removing patients and rebuilding "
                "deletes it.",
                f"Run `gestalt index approximate --kind {kind}`, or leave out --index.",
            )
        return found

    def nearly(self, probe: Descriptors, count: int, kind: ApproximateKind) -> Nearest:
        """Photos near to a probe `(d,)`, by an approximate index: what it misses is not known."""
        return self._nearest([self.approximate(kind).candidates(probe, count)])[0]

    def nearest_among(self, found: Candidates) -> Nearest:
        """Rows that a search found, with their patients, but for those that are gone."""
        return self._nearest([found])[0]

    def exact(self, probe: Descriptors, rows: Numbers) -> NDArray[np.float64]:
        """Similarities of a probe `(d,)` to some rows `(m,)`."""
        return self.searcher.exact(probe, rows)

    def exact_pairs(
        self, probes: Descriptors, which: Numbers, rows: Numbers
    ) -> NDArray[np.float64]:
        """Similarities of pairs `(m,)`: of the probes `(q, d)`, which one, and a row."""
        return self.searcher.exact_pairs(probes, which, rows)

    def exactly(self, probe: Descriptors, nearest: Nearest, least: float) -> Nearest:
        """Of the photos nearest to a probe `(d,)`, those that are at least so similar, with exact
        similarities."""
        near = nearest.only(nearest.similarities >= least - nearest.tolerance)
        exact = self.exact(probe, near.rows) if near.tolerance else near.similarities
        near = replace(near, similarities=exact, tolerance=0.0)
        return near.only(near.similarities >= least)

    def column_at(self, name: Column, rows: Numbers) -> Numbers:
        """A column of some rows `(m,)`."""
        return self.searcher.of_rows(name, rows)

    def vectors_at(self, rows: Numbers) -> Descriptors:
        """The descriptors of some rows: `(m, d)`."""
        return self.searcher.vectors(rows)

    def rows_of(self, patients: Numbers) -> Numbers:
        """The rows of some patients, by their keys, ascending."""
        # By a table, several times faster than `np.isin`; its last place is that of -1.
        wanted = np.zeros(len(self.photo_counts) + 1, dtype=bool)
        wanted[patients[(patients >= 0) & (patients < len(self.photo_counts))]] = True
        return np.flatnonzero(wanted[self.patients])

    def rows_with(self, ids: Numbers) -> Numbers:
        """The rows of descriptors by their keys, ascending; those that are not there are passed
        over."""
        if not len(ids):
            return np.zeros(0, dtype=np.int64)
        # By a table: sorting every segment would take longer than the search of a probe.
        found = [
            offset + np.flatnonzero(np.isin(part.ids, ids, kind="table"))
            for offset, part in zip(self.searcher.offsets, self.searcher.parts, strict=False)
        ]
        return np.concatenate([np.zeros(0, dtype=np.int64), *found])

    def _nearest(self, found: Sequence[Candidates]) -> list[Nearest]:
        # Of all probes at once: most of the time goes into each call.
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *(one.rows for one in found)])
        ends = np.cumsum([len(one.rows) for one in found], dtype=np.int64)[:-1]
        patients = np.split(self.column_at("patients", rows), ends)
        nearest = [
            Nearest(one.rows, some, one.similarities, one.bound, one.tolerance)
            for one, some in zip(found, patients, strict=True)
        ]
        if not len(self.gone):
            return nearest
        kept = np.split(~np.isin(rows, self.gone), ends)
        return [one.kept(some) for one, some in zip(nearest, kept, strict=True)]

    def _corrected_rows(self) -> tuple[Numbers, Numbers]:
        """Rows that were corrected, and the place of each in `_corrected`."""
        rows = self.rows_with(self._corrected.ids)
        return rows, np.searchsorted(self._corrected.ids, self.column_at("ids", rows))

    def _read_patients(self) -> Numbers:
        patients = self.searcher.column("patients")
        if len(self.gone):
            patients = patients.copy()
            patients[self.gone] = -1
        return patients

    def _read_means(self) -> PartMeans:
        """Those on disk, but for patients whose rows changed since."""
        dim, there = self.searcher.dim, np.flatnonzero(self.photo_counts)
        known = PartMeans(dim, self._mean_parts, there)
        changed = [
            self._lost,
            *(part.patients for part in self.searcher.parts[len(self.searcher.segments) :]),
        ]
        wanted = np.union1d(np.concatenate(changed), np.setdiff1d(there, known.keys))
        rows = self.rows_of(wanted)
        if not len(rows):
            return known
        keys, means = zip(*mean_blocks(self.searcher, rows, self.patients[rows]), strict=True)
        newer = MeansPart(np.concatenate(keys), np.concatenate(means).astype(np.float32))
        return PartMeans(dim, [*self._mean_parts, newer], there)

    def _read_groups(self, by: By) -> GroupMeans:
        return group_means(self.means, self.searcher.dim, self.people, by)

    def _count_photos(self) -> Numbers:
        return count_photos(self.patients, self.people.last_key)

    def _count_totals(self, by: By) -> Totals:
        return count_totals(self.people, self.photo_counts, by)


_BYS: tuple[By, ...] = ("disorder", "gene", "patient")


def count_photos(patients: Numbers, last_key: int) -> Numbers:
    """By patients' keys up to the last one, how many rows `(n,)` are of each; -1 is nobody.

    Raises `IndexDamaged` for keys that nobody has.
    """
    if len(patients) and not -1 <= patients.min() <= patients.max() <= last_key:
        raise IndexDamaged("The index has rows that belong to no patient.", REBUILD)
    counts = np.bincount(patients + 1, minlength=last_key + 2)
    return np.asarray(counts[1:], dtype=np.int64)


def count_totals(people: People, photo_counts: Numbers, by: By) -> Totals:
    """How much there is to rank, where patients have so many photos by their keys."""
    patients, groups = people.pairs(by)
    there = patients[(patients < len(photo_counts))]
    groups = groups[patients < len(photo_counts)]
    has = photo_counts[there] > 0
    ranked = np.zeros(len(photo_counts), dtype=bool)
    ranked[there[has]] = True
    # By flags: to sort them takes longer, and keys are close.
    lines = np.zeros(int(groups.max(initial=-1)) + 1, dtype=bool)
    lines[groups[has]] = True
    return Totals(
        lines=int(lines.sum()),
        patients=int(ranked.sum()),
        photos=int(photo_counts[ranked].sum()),
    )
