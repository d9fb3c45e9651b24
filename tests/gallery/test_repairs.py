"""What is mended without anybody asking is told once; what may hold what was removed is wiped."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from gestalt_space.errors import DatabaseError, IndexDamaged
from gestalt_space.gallery.lock import locked
from gestalt_space.gallery.opened import check_not_lost
from gestalt_space.gallery.repairs import CLEANED, TIDIED
from gestalt_space.gallery.sealing import Sealer
from gestalt_space.gallery.state import count_photos
from gestalt_space.store import tables as t
from gestalt_space.store.engine import Database
from tests.gallery.kept import Kept, flip, vector_of

pytestmark = pytest.mark.usefixtures("_soon")


@pytest.mark.parametrize("part", ["people", "columns", "keys", "manifest"])
def test_an_index_that_is_rebuilt_is_told_once(part: str, kept: Kept) -> None:
    kept.add(*range(5))
    kept.seal()
    flip(kept.path(part))
    keeper = kept.keeper()
    keeper.follow()
    keeper.follow()
    (repair,) = keeper.repairs
    assert "rebuilt from the database" in repair.told
    assert "no problem found" in kept.check()


def test_an_index_that_is_gone_is_told_and_one_that_never_was_is_not(kept: Kept) -> None:
    kept.add(*range(5))
    keeper = kept.keeper()
    keeper.follow()
    assert keeper.repairs == []
    for path in kept.folder.glob("*.npy"):
        path.unlink()
    keeper.follow()
    assert len(keeper.repairs) == 1


def test_what_a_stopped_process_had_removed_is_cleaned_and_told_once(kept: Kept) -> None:
    kept.add(*range(6))
    kept.seal()
    kept.remove(3)  # and there the process ends
    keeper = kept.keeper()
    keeper.finish_left()
    keeper.finish_left()
    assert keeper.repairs == [CLEANED]


def test_what_another_home_removed_is_not_said_to_be_of_a_stopped_process(kept: Kept) -> None:
    kept.add(*range(6))
    kept.seal()
    kept.remove(3)
    with kept.database.writing() as session:
        # As the home that removed it leaves it: what is the database's own is clean.
        session.execute(sa.delete(t.Purge).where(t.Purge.home_id.is_(None)))
    keeper = kept.keeper()
    keeper.finish_left()
    (repair,) = keeper.repairs
    assert "another home" in repair.found


@pytest.mark.parametrize("is_sealed", [True, False])
def test_files_that_a_stopped_process_had_not_recorded_are_deleted_and_told_once(
    is_sealed: bool, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*range(6))
    if is_sealed:
        kept.seal()
    named = set(kept.folder.glob("*"))
    kept.add(*range(6, 20))
    with monkeypatch.context() as killed:
        killed.setattr(Sealer, "_record", stop)
        with pytest.raises(KeyboardInterrupt):
            kept.seal()
    left = {path for path in kept.folder.iterdir() if ".npy" in path.name} - named
    assert left
    keeper = kept.keeper()
    with locked(kept.folder, 1):
        keeper.finish_left()  # somebody is at work: it may be theirs
    assert keeper.repairs == []
    assert all(path.exists() for path in left)
    keeper.finish_left()
    keeper.finish_left()
    assert keeper.repairs == [TIDIED]
    assert not any(path.exists() for path in left)
    kept.seal()
    assert "no problem found" in kept.check()


def stop(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.skipif(os.name != "posix", reason="a file that is open is not deleted on Windows")
@pytest.mark.parametrize("rebuilt", [True, False])
def test_files_that_hold_what_was_removed_are_wiped_before_they_are_deleted(
    rebuilt: bool, kept: Kept
) -> None:
    """A file that a stopped process left, and all files of an index that is built anew."""
    kept.add(*range(6))
    kept.seal()
    vectors = kept.path("vectors")
    left = vectors.with_name(f".{vectors.name}.left")
    left.write_bytes(vectors.read_bytes())
    with vectors.open("rb") as named, left.open("rb") as half:
        assert vector_of(3) in half.read()
        kept.remove(3)
        kept.seal(rebuild=rebuilt)
        half.seek(0)
        assert not any(half.read())
        assert vector_of(3) not in (data := named.read())
        assert (vector_of(4) in data) != rebuilt
    assert not left.exists()


def test_without_a_removal_files_are_not_wiped(kept: Kept) -> None:
    kept.add(*range(6))
    kept.seal()
    with kept.path("vectors").open("rb") as named:
        kept.seal(rebuild=True)
        assert vector_of(3) in named.read()


@pytest.mark.parametrize("patients", [[0, 9], [-7, 0]])
def test_rows_of_nobody_are_a_damaged_index(patients: list[int]) -> None:
    with pytest.raises(IndexDamaged):
        count_photos(np.array(patients), 8)


def test_no_new_gallery_takes_the_place_of_one_that_was_lost(kept: Kept, tmp_path: Path) -> None:
    kept.add(*range(5))
    lost = Database(tmp_path / "lost.sqlite3", create=False)
    check_not_lost(lost, kept.folder)
    kept.seal()
    with pytest.raises(DatabaseError, match="empty or missing") as caught:
        check_not_lost(lost, kept.folder)
    assert "backup" in caught.value.hint
