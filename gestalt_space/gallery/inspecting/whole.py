"""Checks the whole of a gallery, one thing after another."""

from __future__ import annotations

from collections.abc import Iterator

from gestalt_space.counts import counted_text
from gestalt_space.gallery.inspecting.crops import inspect_crops, without_wrong_crops
from gestalt_space.gallery.inspecting.encoding import inspect_encoding
from gestalt_space.gallery.inspecting.engines import inspect_engines
from gestalt_space.gallery.inspecting.findings import BACKUP, CheckFinding, guarded
from gestalt_space.gallery.inspecting.history import inspect_left, inspect_trail
from gestalt_space.gallery.inspecting.index import inspect_indexes
from gestalt_space.gallery.inspecting.permissions import inspect_rights
from gestalt_space.gallery.inspecting.rows import inspect_rows
from gestalt_space.gallery.inspecting.spaces import inspect_runs, inspect_spaces
from gestalt_space.gallery.inspecting.vectors import inspect_vectors
from gestalt_space.gallery.listing import ListingMixin
from gestalt_space.progress import Stages, no_stages
from gestalt_space.settings import Settings
from gestalt_space.store import reads
from gestalt_space.store.migrating import REVISION, database_revision

SAMPLE = 16
"""Crops that are encoded again in each space."""


def inspect_gallery(
    settings: Settings,
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    engines: bool = True,
    stages: Stages = no_stages,
) -> Iterator[CheckFinding]:
    """Look at a home's gallery: database, spaces, descriptors, index, search engines, what
    is left to clean, and who else may read its files.

    `sample`: how many crops of each space are encoded again, drawn by `seed`; `engines`: whether
    the photos of each search engine are compared with those of the database. Changes nothing, and
    never raises `GestaltError`.
    """
    settings, crops = without_wrong_crops(settings)
    seen: set[CheckFinding] = set()
    for one in guarded("database", _gallery(settings, sample, seed, engines, stages)):
        seen.add(one)
        yield one
    # Keys that cannot be used are found once more where a crop is read.
    yield from (one for one in crops if one not in seen)
    yield from guarded("rights", inspect_rights(settings))


def _gallery(
    settings: Settings, sample: int, seed: int, engines: bool, stages: Stages
) -> Iterator[CheckFinding]:
    if database_revision(settings.database) is None:
        ListingMixin(settings, finish=False).close()  # which raises for one that was lost
        yield CheckFinding(
            "gallery", "note", "there is none yet", "Run `gestalt index add patients.csv`."
        )
        return
    stages("Checking the database", "rows")
    with ListingMixin(settings, finish=False) as gallery:
        database, folder = gallery.database, settings.index_dir
        problems = database.problems()
        if problems:
            yield CheckFinding("database", "fail", f"{database.where}: {problems[0]}", BACKUP)
            return
        with database.reading() as session:
            counts, spaces = reads.counts(session), reads.spaces(session)
        yield CheckFinding(
            "database",
            "ok",
            f"{database.where}, migration {REVISION}: {counted_text(counts.patients, 'patient')}, "
            f"{counted_text(counts.photos, 'photo')}, {counted_text(counts.disorders, 'disorder')}",
        )
        if not counts.patients:
            yield CheckFinding(
                "gallery", "note", "it is empty", "Run `gestalt index add patients.csv`."
            )
        else:
            yield from guarded("space", inspect_spaces(gallery, spaces))
            yield from guarded("descriptors", inspect_runs(database, spaces))
        yield from guarded("rows", inspect_rows(database))
        yield from guarded("vectors", inspect_vectors(database, stages))
        yield from guarded("index", inspect_indexes(database, spaces, folder, stages))
        if engines:
            found = inspect_engines(gallery.search_engines, stages)
            yield from guarded("search engines", found)
        yield from guarded("crops", inspect_crops(gallery))
        yield from guarded("removals", inspect_left(database, folder))
        stages("Checking the audit trail", "events")
        yield from guarded("audit trail", inspect_trail(database))
        if not counts.patients:
            return
        yield from guarded("calibration", _calibrations(gallery))
        if sample:
            found = inspect_encoding(gallery, spaces, sample=sample, seed=seed, stages=stages)
            yield from guarded("encoder", found)


def _calibrations(gallery: ListingMixin) -> Iterator[CheckFinding]:
    held = gallery.stats()
    for (space, _), state in zip(held.spaces, held.calibrations, strict=True):
        subject, hint = f"calibration {space.model}", "Run `gestalt index calibrate`."
        if state.told is not None:
            yield CheckFinding(subject, "note", state.told.removesuffix(hint).rstrip(), hint)
        elif state.photos is not None:
            yield CheckFinding(
                subject, "ok", f"computed from {counted_text(state.photos, 'photo')}"
            )
