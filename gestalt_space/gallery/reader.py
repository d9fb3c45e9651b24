"""The reader of a gallery: it opens what is on disk, reads from the database what came after, and
keeps the newest state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

from sqlalchemy.orm import Session

from gestalt_space.devices import Device
from gestalt_space.errors import IndexDamaged
from gestalt_space.gallery.damage import blaming_files, check_index_files
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.people import Arrays, People, arrays_of, folded_hashes
from gestalt_space.gallery.state import CorrectedPhotos, GalleryState
from gestalt_space.index.accelerator import Accelerator
from gestalt_space.index.approximate import Approximate
from gestalt_space.index.manifest import Manifest, load_manifest, open_arrays
from gestalt_space.index.means import MeansPart, open_means
from gestalt_space.index.segment import MemorySegment, Segment, open_segment
from gestalt_space.ranking.calibration import Calibration
from gestalt_space.store import tail
from gestalt_space.store.calibrations import stored_calibration
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace

FROM_NOTHING = -1
"""The number before the first change."""
_TRIES = 3


class Reader:
    """Gives the newest state of each space. Threads share it.

    `folder`: of the index on disk; `device`: what searches, see `Accelerator`.
    """

    def __init__(self, database: Database, folder: Path, device: Device = "auto") -> None:
        self._database = database
        self._folder = folder
        self._device = device
        self._home: str | None = None
        self._accelerators: dict[int, Accelerator] = {}
        self._lock = Lock()
        self._states: Mapping[int, GalleryState] = {}
        self._doubted: set[str] = set()
        self._damage: dict[str, str] = {}
        """Why an index is not used any more, by its digest."""

    def current(self, space: StoredSpace) -> GalleryState:
        """The state of a space, as the database has it now; one query where nothing changed."""
        known = self._states.get(space.id)
        with self._database.reading() as session:
            if known is not None and self._mark(session, space) == known.mark:
                return known
        # One thread reads; those that wait find its state.
        with self._lock:
            known = self._states.get(space.id)
            with self._database.reading() as session:
                if known is not None and self._mark(session, space) == known.mark:
                    return known
            state = self._open(space, known)
            self._accelerator(space).follow(state.searcher.segments)
            self._states = {**self._states, space.id: state}
            return state

    def is_current(self, state: GalleryState) -> bool:
        """Whether nothing was removed since a state was read."""
        with self._database.reading() as session:
            return tail.read_epoch(session) == state.mark.epoch

    def close(self) -> None:
        """Give back what a GPU holds of the states."""
        for accelerator in list(self._accelerators.values()):
            accelerator.close()

    def _mark(self, session: Session, space: StoredSpace) -> tail.DatabasePosition:
        # Read until it is there: the first index that is written gives the home its id.
        self._home = self._home or home_of(session, self._folder)
        return tail.read_mark(session, space.id, self._home)

    def _accelerator(self, space: StoredSpace) -> Accelerator:
        return self._accelerators.setdefault(space.id, Accelerator(self._device))

    def check_files(self, space: StoredSpace, error: Exception) -> None:
        """Raise `IndexDamaged` where a file of the index that is read is not what was written, and
        may so have led to an error."""
        known = self._states.get(space.id)
        if known is not None and known.mark.digest is not None:
            manifest = load_manifest(self._folder, space.fingerprint, known.mark.digest)
            check_index_files(self._folder, manifest, error)

    def doubt(self, space: StoredSpace, error: IndexDamaged) -> None:
        """After a search came upon a file that is damaged, or was deleted by a process that merged
        it: the index is opened anew, and after a second time not used any more."""
        with self._lock:
            known = self._states.get(space.id)
            self._states = {key: one for key, one in self._states.items() if key != space.id}
            if known is None or known.mark.digest is None:
                return
            if known.mark.digest in self._doubted:
                self._damage[known.mark.digest] = str(error)
            self._doubted.add(known.mark.digest)

    def _open(self, space: StoredSpace, known: GalleryState | None) -> GalleryState:
        """Another process may put a new index in the place of the one that is being opened: then
        once more."""
        accelerator = self._accelerator(space)
        last: IndexDamaged | None = None
        for _ in range(_TRIES):
            with self._database.reading() as session:
                mark = self._mark(session, space)
                damage = self._damage.get(mark.digest or "")
                if mark.digest is None or damage is not None:
                    return read_state(session, space, mark, None, (), (), (), damage=damage)
                try:
                    opened = open_index(self._folder, space, mark.digest, known)
                    with blaming_files(self._folder, opened[0]):
                        return read_state(
                            session,
                            space,
                            mark,
                            *opened,
                            accelerator=accelerator,
                            approximates=open_approximates(self._folder, opened[0], known),
                        )
                except IndexDamaged as error:
                    last = error
        with self._database.reading() as session:
            mark = self._mark(session, space)
            return read_state(session, space, mark, None, (), (), (), damage=str(last))


def open_index(
    folder: Path, space: StoredSpace, digest: str, known: GalleryState | None = None
) -> tuple[Manifest, tuple[Segment, ...], tuple[Arrays, ...], tuple[MeansPart, ...]]:
    """The manifest of that sha256, its segments, people and means, mapped; segments that a known
    state has are taken from it. Raises `IndexDamaged`."""
    manifest = load_manifest(folder, space.fingerprint, digest)
    if manifest.dim != space.dim:
        raise IndexDamaged("The index belongs to another space.", "Run `gestalt index rebuild`.")
    have = {
        segment.record: segment
        for segment in (known.searcher.segments if known is not None else ())
    }
    segments = tuple(
        have[record] if record in have else open_segment(folder, record)
        for record in manifest.segments
    )
    people = tuple(open_arrays(folder, part) for part in manifest.people)
    return manifest, segments, people, tuple(open_means(folder, part) for part in manifest.means)


def open_approximates(
    folder: Path, manifest: Manifest, known: GalleryState | None
) -> tuple[Approximate, ...]:
    """The approximate indexes that a manifest names; those that a known state has, from it."""
    have = () if known is None else known.approximates
    return tuple(
        next((one for one in have if one.record == record), None)
        or Approximate(folder, record, manifest.dim)
        for record in manifest.approximate
    )


def read_state(
    session: Session,
    space: StoredSpace,
    mark: tail.DatabasePosition,
    manifest: Manifest | None,
    segments: tuple[Segment, ...],
    parts: tuple[Arrays, ...],
    means: tuple[MeansPart, ...],
    *,
    damage: str | None = None,
    accelerator: Accelerator | None = None,
    approximates: Sequence[Approximate] = (),
) -> GalleryState:
    """The state at a mark, of what is on disk and what the database has beyond it."""
    sequence = FROM_NOTHING if manifest is None else manifest.sequence
    people = tail.people_after(session, sequence)
    rows = tail.rows_after(session, space, sequence)
    photos = tail.corrected_photos_after(session, space, sequence)
    return GalleryState(
        space,
        mark,
        segments,
        memory_segment(rows) if len(rows.ids) else None,
        People((*parts, *([arrays_of(people)] if len(people.keys) else []))),
        means,
        gone_ids=tail.removed_after(session, space, sequence),
        corrected=CorrectedPhotos(photos.ids, photos.ages, folded_hashes(photos.sites)),
        calibration=_calibration(session, space, mark),
        damage=damage,
        accelerator=accelerator,
        approximates=approximates,
    )


def memory_segment(rows: tail.NewRows) -> MemorySegment:
    """Rows of the database as a segment in memory."""
    return MemorySegment(
        rows.ids, rows.patients, rows.ages, folded_hashes(rows.sites), rows.vectors
    )


def _calibration(
    session: Session, space: StoredSpace, mark: tail.DatabasePosition
) -> Calibration | None:
    stored = None if mark.calibrated is None else stored_calibration(session, space)
    return None if stored is None else Calibration.from_json(stored.document)
