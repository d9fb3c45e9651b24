"""Indexes follow, and what was removed leaves all of them and the log; else it is remembered."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.errors import DatabaseError, DescriptorError, OutputError
from gestalt_space.gallery.keeper import attempted
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.store import reads, writes
from gestalt_space.store.engine import Database
from gestalt_space.store.mending import Mended
from gestalt_space.store.purges import pending_purges
from gestalt_space.types import Descriptors
from tests.galleries import files_with
from tests.gallery.kept import Kept, vector_of


def pending(kept: Kept) -> int:
    with kept.database.reading() as session:
        return len(pending_purges(session))


def add_space(kept: Kept, letter: str) -> None:
    """Another space, in which every photo has the descriptor that it has in the first."""
    with kept.database.writing() as session:
        space_id = writes.add_space(
            session, model=letter, fingerprint=letter * 64, specification="{}", dim=16
        )
        faces = reads.faces_without(session, space_id)
        seeds = {face: int(patient[1:]) for face, _, patient in faces}
        vectors = {face: _vector(seed) for face, seed in seeds.items()}
        writes.put_descriptors(session, vectors, space_id=space_id)


def _vector(seed: int) -> Descriptors:
    return np.frombuffer(vector_of(seed), np.float32)


def test_every_space_follows_and_is_cleaned(kept: Kept) -> None:
    kept.add(*range(5))
    add_space(kept, "e")
    kept.keeper().follow()
    assert len(list(kept.folder.glob("*.json"))) == 2
    kept.remove(3)
    assert pending(kept)
    assert files_with(kept.home, vector_of(3))
    kept.keeper().purge()
    assert not pending(kept)
    assert files_with(kept.home, vector_of(3)) == []


def test_where_nothing_was_removed_nothing_is_done(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(0)

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Sealer, "follow", never)
    monkeypatch.setattr(Database, "truncate_log", never)
    kept.keeper().purge()


def test_an_index_that_cannot_follow_keeps_no_other_and_not_the_log_from_being_cleaned(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*range(5))
    add_space(kept, "e")
    kept.keeper().follow()
    kept.remove(3)
    whole = Sealer.follow

    def failing(sealer: Sealer, *, rebuild: bool = False) -> bool:
        if sealer.space.id == kept.space.id:
            raise OutputError("The disk is full.", "")
        return whole(sealer, rebuild=rebuild)

    with monkeypatch.context() as patch:
        patch.setattr(Sealer, "follow", failing)
        with pytest.raises(OutputError, match="disk is full"):
            kept.keeper().purge()
        assert pending(kept), "it is remembered"
        left = files_with(kept.home, vector_of(3))
        assert left
        assert all(name.startswith(f"index/{'f' * 16}") for name in left)
        kept.keeper().follow()  # tells nobody
    kept.keeper().purge()
    assert not pending(kept)
    assert files_with(kept.home, vector_of(3)) == []


@pytest.mark.sqlite_only("its log")
def test_a_log_that_is_read_is_remembered(kept: Kept) -> None:
    impatient = Kept(kept.home, busy_timeout=0.1)
    kept.add(*range(3))
    kept.seal()
    with kept.database.reading() as session:
        assert reads.counts(session).patients == 3
        impatient.remove(1)
        with pytest.raises(DatabaseError, match="write-ahead log"):
            impatient.keeper().purge()
        assert pending(impatient)
        assert files_with(kept.folder, vector_of(1)) == [], "the index is clean already"
    impatient.keeper().purge(wait=False)
    assert not pending(kept)
    assert files_with(kept.home, vector_of(1)) == []
    impatient.close()


def test_notes_that_come_meanwhile_stay(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(*range(4))
    kept.seal()
    kept.remove(1)
    whole = Database.truncate_log

    def truncated(database: Database, *, wait: bool = True, **_: object) -> None:
        whole(database, wait=wait)
        kept.remove(2)

    with monkeypatch.context() as patch:
        patch.setattr(Database, "truncate_log", truncated)
        kept.keeper().purge()
    assert pending(kept) == 1
    kept.keeper().purge()
    assert not pending(kept)
    assert files_with(kept.home, vector_of(2)) == []


def test_every_index_is_made_anew(kept: Kept) -> None:
    kept.add(*range(3))
    kept.keeper().follow()
    before = kept.manifest()
    (index,) = kept.keeper().rebuild(Mended({}, 0, 0, 0)).indexes
    assert (index.descriptors, index.segments) == (3, 1)
    assert index.replaced == len(before.files) + 1, "and their manifest"
    assert {file.name for file in kept.manifest().files}.isdisjoint(
        file.name for file in before.files
    )
    assert "no problem found" in kept.check()


@pytest.mark.parametrize("kind", [OutputError, DatabaseError, DescriptorError])
def test_what_could_not_be_done_is_given_back(kind: type[OutputError]) -> None:
    error = kind("No.", "")

    def fail() -> None:
        raise error

    assert attempted(fail) is error
    assert attempted(lambda: None) is None
