"""An operation run once, the homes that a crash in the middle of it may leave, and what each must
be: as before or as after, answering rightly, and sound after the next write."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gestalt_space.store.migrating import REVISION, database_revision, upgrade_database
from tests import made
from tests.faults.content import DATABASE, Content, check_matches, content_of
from tests.faults.operations import Bench, Operation, at
from tests.faults.recording import Change
from tests.faults.replay import Replayed, Tree, build, read, without_shared
from tests.galleries import add, files_with, open_gallery, row

CHANCES = 1
Crash = Literal["killed", "torn", "cut", "chance"]


@dataclass(frozen=True)
class Recorded:
    """`start`: the folder around the home before; `live`: where it was changed, and where what a
    crash leaves is built; what was changed; and what the gallery held before and after."""

    operation: Operation
    start: Path
    live: Path
    replayed: Replayed = field(repr=False)
    changes: list[Change] = field(repr=False)
    before: Content = field(repr=False)
    after: Content = field(repr=False)


@dataclass(frozen=True)
class Left:
    """What a crash left: the `number` of changes that were made, how it crashed, and the tree.
    `plain`: it fell into bytes that are written one after the other, of which there are many."""

    number: int
    crash: Crash
    plain: bool
    tree: Tree = field(repr=False)


def record(bench: Bench, operation: Operation, place: Path) -> Recorded:
    """Run an operation; what it changes in the folder around its home is followed."""
    start, live = place / "start", place / "live"
    start.mkdir()
    operation.before(bench, start / "home")
    shutil.copytree(start, live)
    replayed = Replayed(live)
    home = live / "home"
    ended, changes = bench.server.record(live, place / "log", at(home, operation.words(bench)))
    assert ended.code == 0, ended.told
    found = Recorded(
        operation,
        start,
        live,
        replayed,
        changes,
        content_of(start / "home"),
        content_of(home),
    )
    last = deepcopy(replayed)
    for change in changes:
        last.apply(change)
    assert without_shared(last.killed()) == without_shared(read(live)), "a change was missed"
    return found


def crashes(recorded: Recorded, seed: int = 1) -> Iterator[Left]:
    """All that a crash of an operation may leave, each once."""
    return states(deepcopy(recorded.replayed), recorded.changes, seed)


def states(replayed: Replayed, changes: Sequence[Change], seed: int = 1) -> Iterator[Left]:
    """All that a crash amid some changes of a folder may leave, each once."""
    rng = random.Random(seed)
    seen: set[bytes] = set()
    for number in range(len(changes) + 1):
        change = changes[number] if number < len(changes) else None
        for crash, tree in _crashes(replayed, change, rng):
            key = _hash(tree)
            if key not in seen:
                seen.add(key)
                plain = crash != "killed" or (change is not None and change.kind == "write")
                yield Left(number, crash, plain, tree)
        if change is not None:
            replayed.apply(change)


def _crashes(
    replayed: Replayed, change: Change | None, rng: random.Random
) -> Iterator[tuple[Crash, Tree]]:
    yield "killed", replayed.killed()
    if change is not None and len(change.data) > 1:
        yield "torn", replayed.torn(change)
    for tree in replayed.cut():
        yield "cut", tree
    for _ in range(CHANCES):
        yield "chance", replayed.cut_by_chance(rng)


def _hash(tree: Tree) -> bytes:
    digest = hashlib.sha256()
    for name, data in sorted(without_shared(tree).items()):
        digest.update(f"{name}\0{-1 if data is None else len(data)}\0".encode())
        digest.update(data or b"")
    return digest.digest()


def at_the_end(recorded: Recorded) -> Tree:
    """The power is cut when the command has ended: what it promised is there."""
    replayed = deepcopy(recorded.replayed)
    for change in recorded.changes:
        replayed.apply(change)
    return next(replayed.cut())


def check_left(
    bench: Bench, recorded: Recorded, tree: Tree, turn: int = 0, *, next_too: bool = True
) -> bool:
    """Check a home that a crash left; says whether the operation was done. `turn`: of what is
    written next, if `next_too`."""
    shutil.rmtree(recorded.live)
    build(tree, recorded.live)
    home = recorded.live / "home"
    is_done = _check_content(home, recorded)
    if next_too:
        _check_next(bench, home, turn)
    return is_done


def _check_content(home: Path, recorded: Recorded) -> bool:
    operation = recorded.operation
    if operation.name == "upgrade" and database_revision(home / DATABASE) != REVISION:
        assert content_of(home) == recorded.before
        upgrade_database(home / DATABASE)
        assert content_of(home) == recorded.after
        return False
    with open_gallery(home) as gallery:
        found = content_of(home)
        assert found in (recorded.before, recorded.after)
        is_done = found == recorded.after
        if found:
            check_matches(gallery, 1)
        if operation.gone is not None and is_done:
            for trace in traces(recorded):
                assert files_with(home, trace) == []
        return is_done


def traces(recorded: Recorded) -> list[bytes]:
    """The vectors, crops and names of whom the operation removed."""
    gone = recorded.before["descriptor"] - recorded.after["descriptor"]
    found = [value for one in gone for value in one if isinstance(value, bytes)]
    photos = recorded.before["photo"] - recorded.after["photo"]
    return found + [v.encode() for one in photos for v in one if str(v).endswith(".png")]


def _check_next(bench: Bench, home: Path, turn: int) -> None:
    with open_gallery(home, space="tiny") as gallery:
        patients = gallery.patients() if gallery.exists else []
        if turn % 2 and patients:
            gallery.remove(patients=[patients[-1].patient])
        else:
            photo = made.photo_file(bench.folder / "next.png", 77)
            (added,) = add(gallery, row(photo, "NEXT", "D1"))
            assert added.status == "added", added.error
        assert {"no problem found" in told for told in gallery.check_index().values()} == {True}
        assert gallery.database.problems() == []
        check_matches(gallery, 1)
