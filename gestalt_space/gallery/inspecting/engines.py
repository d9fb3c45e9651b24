"""Whether each search engine has the photos that the database says, by their identifiers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gestalt_space.counts import counted_text
from gestalt_space.errors import DatabaseError, EngineAway, OutputError
from gestalt_space.gallery.engines.following import EngineFollower
from gestalt_space.gallery.engines.opened import OpenEngines
from gestalt_space.gallery.engines.recorded import EngineRecord
from gestalt_space.gallery.engines.usable import usable_position
from gestalt_space.gallery.inspecting.findings import REBUILD, CheckFinding, guarded
from gestalt_space.index.engines.contract import NOTHING, EnginePosition
from gestalt_space.progress import Stages, no_stages
from gestalt_space.store import reads, tail
from gestalt_space.store.reads import StoredSpace

TRIES = 3
"""How often an engine is looked at that others change meanwhile; then none may."""
BREATH = 1.0
"""Seconds that another process has to come from the database to the engine."""


@dataclass(frozen=True, slots=True)
class Compared:
    """An engine beside the database. `position`: of the engine before. Photos by number: `lacking`
    that it should have by its position, `left` that the database does not have any more, `newer`
    than its position."""

    position: EnginePosition
    lacking: int
    left: int
    newer: int


def inspect_engines(engines: OpenEngines, stages: Stages = no_stages) -> Iterator[CheckFinding]:
    """Every engine that the home records."""
    records = engines.records
    if not records:
        return
    with engines.database.reading() as session:
        spaces = {one.fingerprint: one for one in reads.spaces(session)}
    for record in records:
        space = spaces.get(record.space)
        if space is None:
            detail = "it may still have photos of a space that the gallery does not have any more"
            yield CheckFinding(f"engine {record.name}", "fail", detail, REBUILD)
            continue
        subject = f"engine {record.name} {space.model}"
        stages(f"Checking {record.name} with {space.model}", "descriptors")
        yield from guarded(subject, _engine(subject, engines, record, space))


def _engine(
    subject: str, engines: OpenEngines, record: EngineRecord, space: StoredSpace
) -> Iterator[CheckFinding]:
    try:
        found = compare_engine(engines.follower(record, space))
    except EngineAway as error:
        yield CheckFinding(subject, "fail", f"could not be checked: {error.message}", error.hint)
        return
    sync = f"gestalt index engine sync {record.name}"
    if found.lacking:
        lacking = f"{counted_text(found.lacking, 'photo')} of the gallery missing in the engine"
        yield CheckFinding(subject, "fail", lacking, f"Run `{sync}`.")
    if found.left:
        left = f"{counted_text(found.left, 'removed photo')} still in the engine"
        yield CheckFinding(subject, "fail", left, f"Run `{sync} --anew`.")
    if not (found.lacking or found.left):
        yield CheckFinding(
            subject,
            "ok",
            f"{counted_text(found.position.rows, 'photo')}, up to change "
            f"{found.position.sequence:,}; the identifiers are those of the database"
            + (f"; {counted_text(found.newer, 'newer photo')} not in it yet" * bool(found.newer)),
        )


def compare_engine(follower: EngineFollower) -> Compared:
    """The photos of an engine and of the database, by their identifiers.

    Where they differ while another process brings the engine up to the database, they are looked at
    again. Raises `EngineError` where the engine does not answer or cannot be used, and
    `OutputError` or `DatabaseError` where others never come to an end.
    """
    for _ in range(TRIES):
        found = _compared(follower)
        if not (found.lacking or found.left):
            return found
        _rest(follower)
        if follower.engine.position() == found.position:
            return found
    with follower.alone():
        return _compared(follower)


def _compared(follower: EngineFollower) -> Compared:
    engine, space = follower.engine, follower.space
    before = engine.position()
    with follower.database.reading() as session:
        position = usable_position(session, space, engine.name, before)
    have = engine.ids()
    # After the engine: what it has got meanwhile is in the database by now.
    with follower.database.reading() as session:
        every = tail.ids_after(session, space, NOTHING)
        newer = tail.ids_after(session, space, position.sequence)
    known = np.setdiff1d(every, newer, assume_unique=True)
    return Compared(
        position,
        lacking=len(np.setdiff1d(known, have, assume_unique=True)),
        left=len(np.setdiff1d(have, every, assume_unique=True)),
        newer=len(np.setdiff1d(newer, have, assume_unique=True)),
    )


def _rest(follower: EngineFollower) -> None:
    """Until whoever removes or adds has brought the engine up to it; as it is where the home may
    not be written, or somebody is at work for long."""
    time.sleep(BREATH)
    with suppress(OutputError, DatabaseError), follower.alone():
        pass
