"""How the index on disk follows the database, and what becomes of it when it is damaged."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged, OutputError
from gestalt_space.gallery import sealing
from gestalt_space.gallery.cleaning import Cleaning
from gestalt_space.index.manifest import open_arrays
from gestalt_space.index.segment import open_segment
from tests import databases
from tests.galleries import files_with
from tests.gallery.kept import DIM, Kept, flip, vector_of, vectors_of


def test_without_an_index_a_state_comes_from_the_database(kept: Kept) -> None:
    kept.add(0, 1, 2)
    assert kept.vectors() == vectors_of(0, 1, 2)
    assert not kept.folder.exists()
    assert "no index on disk" in kept.check()


def test_with_an_index_the_state_is_the_same(kept: Kept) -> None:
    kept.add(0, 1, 2)
    assert kept.seal()
    assert kept.vectors() == vectors_of(0, 1, 2)
    assert kept.check() == "3 descriptors in 1 segment, up to change 3, no problem found"
    assert not kept.seal()


def test_an_index_is_really_read(kept: Kept) -> None:
    """Else every test of damage would pass for nothing."""
    kept.add(0, 1, 2)
    kept.seal()
    state = kept.state()
    assert state.damage is None
    assert len(state.searcher.segments) == 1
    assert len(state.searcher.parts) == 1, "and nothing but it"
    kept.add(3)
    assert [len(part) for part in kept.state().searcher.parts] == [3, 1]


def _to_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder", encoding="utf-8")


def _rewrite(kept: Kept, **changed: object) -> None:
    path = kept.path("manifest")
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, **changed}), encoding="utf-8")


def _record(kept: Kept, **changed: object) -> None:
    """A manifest that the database believes."""
    kept.record(replace(kept.manifest(), **changed))  # type: ignore[arg-type]


Damage = Callable[[Kept], object]
SEEN_WHEN_OPENED: dict[str, Damage] = {
    "truncated vectors": lambda k: os.truncate(k.path("vectors"), 100),
    "truncated columns": lambda k: os.truncate(k.path("columns"), 140),
    "truncated codes": lambda k: os.truncate(k.path("codes"), 40),
    "truncated people": lambda k: os.truncate(k.path("people"), 140),
    "truncated keys": lambda k: os.truncate(k.path("keys"), 140),
    "truncated means": lambda k: os.truncate(k.path("means"), 100),
    "empty vectors": lambda k: os.truncate(k.path("vectors"), 0),
    "longer vectors": lambda k: os.truncate(k.path("vectors"), 10_000),
    "flipped byte of the header": lambda k: flip(k.path("vectors"), 20),
    "no vectors": lambda k: k.path("vectors").unlink(),
    "no codes": lambda k: k.path("codes").unlink(),
    "no columns": lambda k: k.path("columns").unlink(),
    "no people": lambda k: k.path("people").unlink(),
    "no keys": lambda k: k.path("keys").unlink(),
    "no means": lambda k: k.path("means").unlink(),
    "no manifest": lambda k: k.path("manifest").unlink(),
    "truncated manifest": lambda k: os.truncate(k.path("manifest"), 50),
    "empty manifest": lambda k: os.truncate(k.path("manifest"), 0),
    "manifest of nulls": lambda k: k.path("manifest").write_bytes(bytes(400)),
    "manifest that is a list": lambda k: k.path("manifest").write_text("[]"),
    "changed manifest": lambda k: _rewrite(k, sequence=99),
    "manifest of a newer format": lambda k: _record(k, format=99),
    "manifest of another space": lambda k: _record(k, space="e" * 64),
    "manifest of another length": lambda k: _record(k, dim=8),
    "means of another length": lambda k: _record(k, means=(replace(k.manifest().means[0], dim=8),)),
    "segment of another length": lambda k: _record(
        k, segments=(replace(k.manifest().segments[0], dim=8),)
    ),
    "folder that is a file": lambda k: _to_a_file(k.folder),
}


@pytest.mark.parametrize("damage", list(SEEN_WHEN_OPENED))
def test_damage_costs_time_and_nothing_else(damage: str, kept: Kept) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    SEEN_WHEN_OPENED[damage](kept)
    assert kept.vectors() == vectors_of(0, 1, 2)
    assert kept.state().damage
    with pytest.raises(IndexDamaged) as caught:
        kept.check()
    assert "gestalt index rebuild" in caught.value.hint
    if damage == "folder that is a file":
        with pytest.raises(OutputError):
            kept.seal()
        return
    kept.add(3)
    assert kept.seal(), "the next write repairs it"
    assert kept.vectors() == vectors_of(0, 1, 2, 3)
    assert kept.state().damage is None
    assert kept.check() == "4 descriptors in 1 segment, up to change 4, no problem found"


@pytest.mark.parametrize("part", ["vectors", "codes", "columns", "people", "keys", "means"])
def test_a_flipped_byte_that_keeps_time_and_size_is_found_by_the_check(
    part: str, kept: Kept
) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    flip(kept.path(part), keep_time=True)
    with pytest.raises(IndexDamaged) as caught:
        kept.check()
    assert "gestalt index rebuild" in caught.value.hint
    kept.seal(rebuild=True)
    assert "no problem found" in kept.check()


@pytest.mark.usefixtures("_soon")
@pytest.mark.parametrize("part", ["vectors", "columns", "keys", "means"])
def test_a_flipped_byte_is_never_merged_into_a_new_segment(part: str, kept: Kept) -> None:
    kept.add(0, 1, 2, 3)
    kept.seal()
    flip(kept.path(part), keep_time=True)
    kept.add(4, 5, 6, 7)
    assert kept.seal()
    assert kept.vectors() == vectors_of(*range(8))
    assert kept.check() == "8 descriptors in 1 segment, up to change 8, no problem found"


def test_an_index_that_is_not_what_the_database_says_is_found(kept: Kept) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    other = Kept(kept.home.with_name("other"))
    other.add(0, 1, 5)
    other.seal()
    shutil.rmtree(kept.folder)
    shutil.copytree(other.folder, kept.folder)
    kept.record(other.manifest())
    other.close()
    assert kept.state().damage is None
    with pytest.raises(IndexDamaged, match="not match the database") as caught:
        kept.check()
    assert "gestalt index rebuild" in caught.value.hint
    kept.seal(rebuild=True)
    assert "no problem found" in kept.check()


def test_a_copy_of_the_home_is_as_sound_as_the_home(kept: Kept, tmp_path: Path) -> None:
    kept.add(0, 1, 2)
    kept.seal()
    kept.close()
    shutil.copytree(kept.home, tmp_path / "copy", copy_function=shutil.copyfile)  # of no old times
    databases.copy_database(kept.home, tmp_path / "copy")
    copy = Kept(tmp_path / "copy")
    assert copy.vectors() == vectors_of(0, 1, 2)
    assert copy.state().damage is None
    assert "no problem found" in copy.check()
    copy.close()


def test_an_index_of_another_gallery_is_never_taken(tmp_path: Path) -> None:
    first = Kept(tmp_path / "home")
    first.add(0, 1, 2)
    first.seal()
    first.close()
    databases.forget_database(tmp_path / "home")
    second = Kept(tmp_path / "home")
    assert list(second.folder.glob("*.json"))
    assert second.vectors() == set()
    second.add(7, 8, 9)
    assert second.vectors() == vectors_of(7, 8, 9)
    assert second.seal()
    assert "3 descriptors in 1 segment" in second.check()
    assert len(list(second.folder.glob("*.json"))) == 1
    second.close()


def _backup(kept: Kept, place: Path) -> None:
    kept.database.truncate_log()
    kept.close()
    place.mkdir()
    databases.copy_database(kept.home, place)


def _restore(kept: Kept, place: Path) -> Kept:
    kept.close()
    databases.copy_database(place, kept.home)
    return Kept(kept.home)


def test_an_index_newer_than_the_database_is_not_taken(kept: Kept, tmp_path: Path) -> None:
    kept.add(0, 1)
    _backup(kept, tmp_path / "backup")
    kept.add(2, 3)
    kept.seal()
    older = _restore(kept, tmp_path / "backup")
    assert older.vectors() == vectors_of(0, 1)
    older.seal()
    assert older.vectors() == vectors_of(0, 1)
    assert "2 descriptors in 1 segment" in older.check()
    older.close()


def test_an_index_of_a_history_that_was_undone_is_not_taken(kept: Kept, tmp_path: Path) -> None:
    """The database came back from a backup and has gone another way for as many changes."""
    kept.add(*range(20))
    kept.seal()
    _backup(kept, tmp_path / "backup")
    kept.add(20, 21)
    kept.seal(rebuild=True)
    older = _restore(kept, tmp_path / "backup")
    older.add(30, 31)
    assert older.vectors() == vectors_of(*range(20), 30, 31)
    older.seal()
    assert older.vectors() == vectors_of(*range(20), 30, 31)
    assert "22 descriptors" in older.check()
    older.close()


def test_changes_after_an_index_are_applied(kept: Kept) -> None:
    kept.add(*range(20))
    kept.seal()
    kept.add(20)
    assert not kept.seal()
    kept.remove(3)
    assert kept.vectors() == vectors_of(*range(3), *range(4, 21))
    assert "no problem found" in kept.check() or kept.seal()


def test_the_check_counts_what_only_the_database_has_yet(kept: Kept) -> None:
    kept.add(0)
    kept.seal()
    kept.add(1, 2)
    told = (
        "1 descriptor in 1 segment, up to change 1, no problem found; 2 newer ones in the database"
    )
    assert kept.check() == told


def test_what_was_removed_leaves_the_files_at_once(kept: Kept) -> None:
    kept.add(*range(20))
    kept.seal()
    state = kept.state()
    key = int(state.patients[3])
    kept.remove(3)
    assert files_with(kept.folder, vector_of(3))
    assert kept.seal(), "however few there are"
    assert kept.check() == "19 descriptors in 1 segment, up to change 20, no problem found"
    assert files_with(kept.folder, vector_of(3)) == []
    (segment,) = kept.manifest().segments
    assert not (open_segment(kept.folder, segment).patients == key).any()
    (part,) = kept.manifest().people
    assert key not in open_arrays(kept.folder, part)["keys"]
    assert key not in open_arrays(kept.folder, part)["disorder_members"]


@pytest.mark.usefixtures("_soon")
def test_a_patient_whose_photos_are_all_newer_than_the_index_leaves_it_too(kept: Kept) -> None:
    kept.add(*range(6))
    kept.seal()
    key = int(kept.state().patients[3])
    kept.add(3, update=True, place=1)  # another face of the photo: its descriptor is in the tail
    kept.seal()
    kept.remove(3)
    kept.seal()
    for part in kept.manifest().people:
        arrays = open_arrays(kept.folder, part)
        assert key not in arrays["keys"]
        assert key not in arrays["disorder_members"]
    assert "no problem found" in kept.check()


@pytest.mark.usefixtures("_soon")
def test_a_patient_who_is_gone_and_still_in_the_index_is_found_by_the_check(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.add(*range(6))
    kept.seal()
    kept.remove(3)
    monkeypatch.setattr(Cleaning, "people", lambda self, records, lost: list(records))
    kept.keeper().purge()
    with pytest.raises(IndexDamaged, match="removed"):
        kept.check()


def test_a_photo_that_came_and_went_after_an_index_is_not_there(kept: Kept) -> None:
    kept.add(*range(20))
    kept.seal()
    kept.add(20)
    kept.remove(20, 4)
    kept.add(4)
    assert kept.vectors() == vectors_of(*range(20))
    kept.seal()
    assert "no problem found" in kept.check()


@pytest.mark.usefixtures("_soon")
def test_the_tail_is_sealed_at_its_size(kept: Kept) -> None:
    kept.add(*range(20))
    assert kept.seal()
    kept.add(20, 21, 22)
    assert not kept.seal(), "three are fewer than four"
    kept.add(23)
    assert kept.seal()
    assert [one.rows for one in kept.manifest().segments] == [20, 4]
    assert "24 descriptors in 2 segments" in kept.check()
    assert kept.vectors() == vectors_of(*range(24))


@pytest.mark.usefixtures("_soon")
def test_small_segments_and_parts_are_merged_so_that_few_are_left(kept: Kept) -> None:
    for n in range(0, 64, 4):
        kept.add(*range(n, n + 4))
        assert kept.seal()
        assert len(kept.manifest().segments) <= 5
        assert len(kept.manifest().people) <= 5
    rows = [one.rows for one in kept.manifest().segments]
    assert sum(rows) == 64
    assert all(one >= sealing.GROWTH * after for one, after in itertools.pairwise(rows))
    assert kept.vectors() == vectors_of(*range(64))
    assert "no problem found" in kept.check()


@pytest.mark.usefixtures("_soon")
def test_no_segment_grows_beyond_its_size(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEGMENT_NUMBERS", 8 * DIM)
    monkeypatch.setattr(sealing, "FEWEST_ROWS", 1)
    monkeypatch.setattr(sealing, "MOST_SEGMENTS", 1000)
    for n in range(0, 32, 4):
        kept.add(*range(n, n + 4))
        kept.seal()
    assert [one.rows for one in kept.manifest().segments] == [8, 8, 8, 8]
    assert "no problem found" in kept.check()


def test_a_segment_with_many_dead_rows_is_written_anew(kept: Kept) -> None:
    kept.add(*range(10))
    kept.seal()
    kept.remove(0, 1, 2, 3, 4)
    kept.seal()
    assert [(one.rows, one.removed) for one in kept.manifest().segments] == [(10, 5)]
    kept.remove(5)
    kept.seal()
    assert [(one.rows, one.removed) for one in kept.manifest().segments] == [(4, 0)]
    kept.remove(6, 7, 8, 9)
    kept.seal()
    assert kept.manifest().segments == ()
    assert kept.vectors() == set()
    assert "no problem found" in kept.check()


@pytest.mark.usefixtures("_soon")
def test_corrected_ages_and_sites_reach_the_segments(kept: Kept) -> None:
    kept.add(*range(8), age=3.0, site="Bonn")
    kept.seal()
    assert kept.state().ages.tolist() == [3.0] * 8
    kept.add(2, update=True, age=5.0, site="Taipei")
    before = kept.state()
    kept.add(*range(20, 24))
    kept.seal()
    after = kept.state()
    assert len(after.searcher.parts) == len(kept.manifest().segments)
    assert after.ages[:8].tolist() == before.ages.tolist() == [3, 3, 5, 3, 3, 3, 3, 3]
    assert np.array_equal(after.sites[:8], before.sites)
    assert len(set(after.sites[:8].tolist())) == 2
    assert "no problem found" in kept.check()


def test_an_empty_space_can_be_written_and_read(kept: Kept) -> None:
    assert kept.seal(rebuild=True)
    assert kept.vectors() == set()
    assert kept.check() == "0 descriptors in 0 segments, up to change 0, no problem found"
    kept.add(0)
    assert kept.vectors() == vectors_of(0)


def test_no_file_is_left_beside_the_index(kept: Kept) -> None:
    for n in range(5):
        kept.add(n)
        kept.seal(rebuild=True)
        kept.remove(n)
        kept.add(100 + n)
        kept.seal()
    names = {file.name for file in kept.manifest().files}
    found = {path.name for path in kept.folder.iterdir()}
    assert {name for name in found - names if not name.endswith(".json")} == {"lock", "home"}
    assert len(list(kept.folder.glob("*.json"))) == 1


@pytest.mark.parametrize("process", [1, os.getpid(), 4_000_000], ids=["1", "own", "4000000"])
def test_what_a_stopped_process_left_goes_whatever_its_number(process: int, kept: Kept) -> None:
    """In another container the same number is another process."""
    kept.add(*range(4))
    kept.seal()
    segment = kept.manifest().segments[0]
    half = kept.folder / f".{segment.vectors.name}.{process}"
    whole = kept.folder / f"{segment.name[:17]}{'0' * 32}.vectors.npy"
    for path in (half, whole):
        path.write_bytes(vector_of(2))
        with pytest.raises(IndexDamaged, match="A process that was stopped left"):
            kept.check()
        kept.add(process % 1000 + 10)
        kept.seal()
        assert not path.exists()
        assert "no problem found" in kept.check()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.usefixtures("_soon")
def test_whatever_happens_the_state_is_what_the_database_says(seed: int, kept: Kept) -> None:
    rng = np.random.default_rng(seed)
    there: set[int] = set()
    number = 0
    for _ in range(30):
        what = rng.choice(["add", "add", "remove", "correct", "other face", "seal", "rebuild"])
        if what == "add":
            new = range(number, number + int(rng.integers(1, 7)))
            kept.add(*new)
            there |= set(new)
            number = new.stop
        elif what == "remove" and there:
            gone = rng.choice(sorted(there), size=min(len(there), int(rng.integers(1, 4))))
            kept.remove(*{int(one) for one in gone})
            there -= {int(one) for one in gone}
        elif what == "correct" and there:
            kept.add(int(rng.choice(sorted(there))), update=True, age=float(rng.integers(1, 9)))
        elif what == "other face" and there:
            kept.add(int(rng.choice(sorted(there))), update=True, place=int(rng.integers(1, 9)))
        elif what in ("seal", "rebuild"):
            kept.seal(rebuild=what == "rebuild")
            assert "no problem found" in kept.check()
        assert kept.vectors() == vectors_of(*there)
        assert kept.state().damage is None
    kept.seal()
    assert "no problem found" in kept.check()
