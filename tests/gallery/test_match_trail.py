"""Matches of many threads in the audit trail: written together, each in its own name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from gestalt_space.gallery.match_trail import AskedMatch, MatchTrail
from gestalt_space.home import Gallery
from gestalt_space.store import audit
from gestalt_space.store.audit import trail_problems
from gestalt_space.weights.store import ModelStore
from tests import made
from tests.galleries import fill_once, make_home, open_gallery, row
from tests.prepared import Prepared

THREADS = 8


@pytest.fixture
def gallery(tmp_path: Path, tiny_store: ModelStore, prepared: Prepared) -> Iterator[Gallery]:
    """P0 and P1."""
    rows = [
        row(made.photo_file(tmp_path / f"p{n}.png", n), f"P{n}", "OMIM:122470") for n in range(2)
    ]
    home = fill_once(prepared, "looking", make_home(tmp_path / "home", tiny_store), *rows)
    with open_gallery(home) as gallery:
        yield gallery


def asked(number: int) -> AskedMatch:
    return AskedMatch(f"user {number}", (f"P{number % 2}", "nobody any more"), number)


def test_matches_that_wait_are_written_together_each_in_its_own_name(gallery: Gallery) -> None:
    trail = MatchTrail(gallery.database)
    commits: list[object] = []
    with ThreadPoolExecutor(THREADS) as threads:
        with gallery.database.writing() as session:
            audit.head(session)  # from its first statement on it holds the writer's lock
            writing = [threads.submit(trail.add, asked(number)) for number in range(THREADS)]
            until = time.monotonic() + 20
            while trail.waiting < THREADS - 1:
                assert time.monotonic() < until, "some did not wait"
                time.sleep(0.01)
            sa.event.listen(gallery.database.engine, "commit", commits.append)
        for one in writing:
            one.result(30)
    assert len(commits) <= 3, "that of the test, the first match, and all others together"
    found = sorted(gallery.log(newest=THREADS), key=lambda entry: entry.actor)
    assert [(entry.actor, entry.action, entry.patients) for entry in found] == [
        (f"user {number}", "match", (f"P{number % 2}",)) for number in range(THREADS)
    ]
    with gallery.database.reading() as session:
        assert list(trail_problems(session)) == []


def test_a_match_is_in_the_trail_before_it_is_answered(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail, error = MatchTrail(gallery.database), OSError("the disk is full")

    def fail(*_: object, **__: object) -> int:
        raise error

    before = len(gallery.log())
    with monkeypatch.context() as patched:
        patched.setattr("gestalt_space.gallery.match_trail.record_event", fail)
        with pytest.raises(OSError, match="full"):
            trail.add(asked(1))
    assert len(gallery.log()) == before
    trail.add(asked(1))
    with gallery.database.reading() as session:
        assert audit.head(session).events == before + 1
