"""Whether the index on disk is what was written, and what the database says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.errors import IndexDamaged, OutputError
from gestalt_space.gallery.identity import home_of
from gestalt_space.gallery.inspecting.findings import REBUILD, CheckFinding, guarded, named
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.means import mean_blocks
from gestalt_space.gallery.people import FACTS, KINDS, Arrays, People, arrays_of, folded_hashes
from gestalt_space.gallery.reader import FROM_NOTHING, open_index, read_state
from gestalt_space.gallery.state import GalleryState
from gestalt_space.index.changing import verify_segment
from gestalt_space.index.checksums import check_file
from gestalt_space.index.manifest import Manifest, foreign_files, unnamed_files
from gestalt_space.index.means import verify_means
from gestalt_space.progress import Progress, Stages, no_progress, no_stages
from gestalt_space.ranking.grouping import Numbers
from gestalt_space.store import purges, reads, tail
from gestalt_space.store.engine import Database
from gestalt_space.store.reads import StoredSpace

TRIES = 3
"""How often an index is looked at that others change meanwhile; then none may."""
PATIENCE = 30.0
"""Seconds to wait for another process."""


def inspect_indexes(
    database: Database,
    spaces: Sequence[StoredSpace],
    folder: Path,
    stages: Stages = no_stages,
) -> Iterator[CheckFinding]:
    """The index of each space, and files in the folder that are of no space."""
    for space in spaces:
        subject = f"index {space.model}"
        yield from guarded(subject, _index(database, space, folder, subject, stages))
    strangers = foreign_files(folder, [space.fingerprint for space in spaces])
    if strangers:
        # A space may have been made, or dropped, since they were listed.
        with suppress(OutputError), locked(folder, PATIENCE), database.reading() as session:
            now = [space.fingerprint for space in reads.spaces(session)]
            strangers = foreign_files(folder, now)
    if strangers:
        names = named([path.name for path in strangers], len(strangers))
        detail = f"these belong to no space of this gallery, and may contain removed data: {names}"
        yield CheckFinding("index files", "fail", detail, REBUILD)


def _index(
    database: Database, space: StoredSpace, folder: Path, subject: str, stages: Stages
) -> Iterator[CheckFinding]:
    progress = stages(f"Checking the index of {space.model}", "descriptors")
    yield CheckFinding(subject, "ok", verify_index(database, space, folder, progress))


def verify_index(
    database: Database, space: StoredSpace, folder: Path, progress: Progress = no_progress
) -> str:
    """Hash every file of a space's index and compare what it holds with the database; says what was
    found.

    Raises `IndexDamaged` where a file is not what was written, or differs from the database. What
    is found while another process changes the index is looked at again.
    """
    for _ in range(TRIES):
        before = _standing(database, space, folder)
        try:
            return _verified(database, space, folder, progress)
        except IndexDamaged:
            if _rested(database, space, folder) == before:
                raise
    with locked(folder, PATIENCE):
        return _verified(database, space, folder, progress)


def _standing(database: Database, space: StoredSpace, folder: Path) -> tuple[str | None, int]:
    """The index in force, and the number of removals so far."""
    with database.reading() as session:
        mark = tail.read_mark(session, space.id, home_of(session, folder))
    return mark.digest, mark.epoch


def _rested(database: Database, space: StoredSpace, folder: Path) -> tuple[str | None, int]:
    """The same, once whoever changes the index has ended and recorded it; as it is where the folder
    may not be written, or somebody is at work for long."""
    with suppress(OutputError), locked(folder, PATIENCE):
        pass
    return _standing(database, space, folder)


def _verified(database: Database, space: StoredSpace, folder: Path, progress: Progress) -> str:
    with database.reading() as session:
        home = home_of(session, folder)
        mark = tail.read_mark(session, space.id, home)
        if mark.digest is None:
            return "no index on disk; it is built from the database when needed"
        manifest, segments, parts, means = open_index(folder, space, mark.digest)
        for record in manifest.segments:
            verify_segment(folder, record)
        for part in manifest.people:
            check_file(folder, part.file)
        for record_of_means in manifest.means:
            verify_means(folder, record_of_means)
        for one in manifest.approximate:
            check_file(folder, one.file)
        _check_foreign(folder, space, manifest)
        state = read_state(session, space, mark, manifest, segments, parts, means)
        counted, done = tail.count_waiting(session, space, FROM_NOTHING)[0], 0
        for rows in tail.row_blocks(session, space, FROM_NOTHING):
            _check_rows(state, rows)
            done += len(rows.ids)
            progress(done, counted)
        true = arrays_of(tail.people_after(session, FROM_NOTHING))
        is_clean = not purges.pending_purges(session, home)
    if counted != state.photos:
        raise _differs()
    _check_people(state.people, true)
    _check_means(state)
    if is_clean and len(np.setdiff1d(state.people.pairs("patient")[0], true["keys"])):
        raise IndexDamaged("The index on disk still has patients who were removed.", REBUILD)
    indexed = sum(record.rows - record.removed for record in manifest.segments)
    newer = counted - indexed
    return (
        f"{counted_text(indexed, 'descriptor')} in {counted_text(len(segments), 'segment')}, up to "
        f"change {manifest.sequence:,}, no problem found"
        + (f"; {counted_text(newer, 'newer one')} in the database" if newer > 0 else "")
    )


def _check_foreign(folder: Path, space: StoredSpace, manifest: Manifest) -> None:
    if foreign := unnamed_files(folder, space.fingerprint, manifest):
        raise IndexDamaged(
            f"A process that was stopped left {foreign[0].name}, which may contain removed data.",
            REBUILD,
        )


def _check_rows(state: GalleryState, rows: tail.NewRows) -> None:
    at = state.rows_with(rows.ids)
    ids = state.column_at("ids", at)
    order = np.argsort(ids)
    if not (
        np.array_equal(ids[order], rows.ids)
        and np.array_equal(state.column_at("patients", at)[order], rows.patients)
        and np.array_equal(state.vectors_at(at)[order], rows.vectors)
        and np.array_equal(state.ages[at][order], rows.ages, equal_nan=True)
        and np.array_equal(state.sites[at][order], folded_hashes(rows.sites))
    ):
        raise _differs()


def _check_people(people: People, true: Arrays) -> None:
    keys = true["keys"]
    right = all(np.array_equal(people.fact(fact, keys), true[fact]) for fact in FACTS)
    for kind in KINDS:
        which, groups = people.groups_of(kind, keys)
        right &= np.array_equal(_ordered(keys[which], groups), _pairs(true, kind))
    if not right:
        raise _differs()


def _check_means(state: GalleryState) -> None:
    rows = np.flatnonzero(state.patients >= 0)
    for keys, true in mean_blocks(state.searcher, rows, state.patients[rows]):
        means = state.means.of(np.searchsorted(state.means.keys, keys))
        if not np.allclose(means, true, rtol=0, atol=1e-6):
            raise _differs()


def _pairs(arrays: Arrays, kind: str) -> Numbers:
    groups = arrays[f"{kind}_of_patient"]
    lengths = np.diff(arrays[f"{kind}_starts"], append=len(groups))
    return _ordered(np.repeat(arrays["keys"], lengths), groups)


def _ordered(patients: Numbers, groups: Numbers) -> Numbers:
    return np.stack([patients, groups], axis=1)[np.lexsort((groups, patients))]


def _differs() -> IndexDamaged:
    return IndexDamaged("The index on disk does not match the database.", REBUILD)
