"""The means of patients on disk follow their photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gestalt_space.errors import IndexDamaged
from gestalt_space.gallery import sealing
from gestalt_space.gallery.means import PartMeans, run_sums
from gestalt_space.index.checksums import record_file
from gestalt_space.index.means import MeansPart, blank_keys, open_means
from gestalt_space.store import removals, writes
from gestalt_space.types import Disorder
from tests.galleries import encoded_of, files_with, new_photo
from tests.gallery.kept import Kept, flip


def add(kept: Kept, patient: int, *seeds: int) -> None:
    """Photos of a patient."""
    photos = [
        new_photo(f"P{patient}", seed, disorders=(Disorder("D"),), crop=False) for seed in seeds
    ]
    with kept.database.writing() as session:
        stored = writes.add_photos(session, photos, space_id=kept.space.id)
    assert all(one.error is None for one in stored)


def mean_of(patient: int, *seeds: int) -> NDArray[np.float32]:
    photos = [encoded_of(new_photo(f"P{patient}", seed, crop=False)) for seed in seeds]
    vectors = np.stack([photo.descriptor for photo in photos]).astype(np.float64)
    return vectors.mean(axis=0).astype(np.float32)


def means(kept: Kept) -> list[NDArray[np.float32]]:
    """Of all patients, in the order of their keys."""
    found = kept.state().means
    return [np.float32(one) for one in found.of(np.arange(len(found.keys)))]


def on_disk(kept: Kept) -> int:
    """How many means the parts have."""
    parts = [open_means(kept.folder, record) for record in kept.manifest().means]
    return int(sum((part.keys >= 0).sum() for part in parts))


def same(found: list[NDArray[np.float32]], *expected: NDArray[np.float32]) -> bool:
    return len(found) == len(expected) and bool(np.allclose(found, expected, atol=1e-7))


def test_means_on_disk_are_those_of_all_photos(kept: Kept) -> None:
    add(kept, 0, 1, 2, 3)
    add(kept, 1, 4)
    assert same(means(kept), mean_of(0, 1, 2, 3), mean_of(1, 4)), "from the database"
    kept.seal()
    assert on_disk(kept) == 2
    assert same(means(kept), mean_of(0, 1, 2, 3), mean_of(1, 4))
    assert "no problem found" in kept.check()


def test_means_on_disk_are_really_read(kept: Kept) -> None:
    add(kept, 0, 1, 2)
    add(kept, 1, 4)
    kept.seal()
    flip(kept.path("means"), -1)  # of the last number
    first, second = means(kept)
    assert np.allclose(first, mean_of(0, 1, 2), atol=1e-7)
    assert not np.allclose(second, mean_of(1, 4), atol=1e-3)
    record = kept.manifest().means[0]
    sound = replace(record, means=record_file(kept.path("means")))
    path = kept.path("manifest")
    kept.record(replace(kept.manifest(), means=(sound,)))
    path.unlink()
    with pytest.raises(IndexDamaged, match="not match the database"):
        kept.check()


def test_photos_in_the_tail_are_in_the_means(kept: Kept) -> None:
    add(kept, 0, 1, 2)
    add(kept, 1, 4)
    kept.seal()
    add(kept, 1, 5)
    add(kept, 2, 6)
    assert not kept.seal()
    assert same(means(kept), mean_of(0, 1, 2), mean_of(1, 4, 5), mean_of(2, 6))


@pytest.mark.usefixtures("_soon")
def test_a_newer_part_has_those_alone_who_got_photos(kept: Kept) -> None:
    for patient in range(10):
        add(kept, patient, 10 * patient)
    kept.seal()
    add(kept, 3, 31, 32, 33)
    add(kept, 10, 100)
    kept.seal()
    assert [record.patients for record in kept.manifest().means] == [10, 2]
    expected = [mean_of(n, 10 * n) for n in range(11)]
    expected[3] = mean_of(3, 30, 31, 32, 33)
    assert same(means(kept), *expected)
    assert "no problem found" in kept.check()


@pytest.mark.usefixtures("_soon")
def test_parts_are_merged_so_that_few_are_left(kept: Kept) -> None:
    for n in range(0, 64, 4):
        for patient in range(n, n + 4):
            add(kept, patient % 24, patient)
        kept.seal()
        assert len(kept.manifest().means) <= 5
        assert "no problem found" in kept.check()
    expected = [[seed for seed in range(64) if seed % 24 == n] for n in range(24)]
    assert same(means(kept), *(mean_of(n, *seeds) for n, seeds in enumerate(expected)))


def test_the_mean_of_who_is_removed_leaves_the_disk(kept: Kept) -> None:
    add(kept, 0, 1, 2)
    add(kept, 1, 4, 5)
    kept.seal()
    gone = mean_of(0, 1, 2).tobytes()
    assert files_with(kept.folder, gone)
    kept.remove(0)
    assert same(means(kept), mean_of(1, 4, 5)), "before it is cleaned"
    kept.seal()
    assert files_with(kept.folder, gone) == []
    assert same(means(kept), mean_of(1, 4, 5))
    assert "no problem found" in kept.check()


def test_a_patient_who_loses_a_photo_has_a_new_mean(kept: Kept) -> None:
    add(kept, 0, 1, 2, 3)
    add(kept, 1, 4)
    kept.seal()
    before = mean_of(0, 1, 2, 3).tobytes()
    assert files_with(kept.folder, before)
    with kept.database.writing() as session:
        removals.remove_photos(session, ["P0-2.png"])
    assert same(means(kept), mean_of(0, 1, 3), mean_of(1, 4)), "before it is cleaned"
    kept.seal()
    assert files_with(kept.folder, before) == []
    assert same(means(kept), mean_of(0, 1, 3), mean_of(1, 4))
    assert on_disk(kept) == 2
    assert "no problem found" in kept.check()


class Crash(Exception):
    """Stands for a process that is killed."""


@pytest.mark.parametrize("where", ["Sealer._record", "Cleaning.means", "Sealer._followed_means"])
def test_a_crash_while_means_are_cleaned_leaves_them_right(
    where: str, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(kept, 0, 1, 2, 3)
    add(kept, 1, 4, 5)
    kept.seal()
    with kept.database.writing() as session:
        removals.remove_photos(session, ["P0-2.png"])
        removals.remove_patients(session, ["P1"])

    def crash(*_: object, **__: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        name, method = where.split(".")
        patch.setattr(getattr(sealing, name), method, crash)
        with pytest.raises(Crash):
            kept.seal()
    assert same(means(kept), mean_of(0, 1, 3))
    kept.seal()
    assert same(means(kept), mean_of(0, 1, 3))
    assert "no problem found" in kept.check()
    assert files_with(kept.folder, mean_of(1, 4, 5).tobytes()) == []


def test_a_state_that_was_read_before_the_cleaning_finds_the_means_after_it(kept: Kept) -> None:
    """What it maps is blanked behind its back."""
    add(kept, 0, 1, 2, 3)
    add(kept, 1, 4)
    kept.seal()
    with kept.database.writing() as session:
        removals.remove_photos(session, ["P0-2.png"])
    state = kept.state()
    kept.seal()
    found = state.means
    assert np.allclose(found.of(np.arange(2)), [mean_of(0, 1, 3), mean_of(1, 4)], atol=1e-7)


def test_of_whom_no_mean_is_on_disk_one_is_made_of_the_rows(kept: Kept) -> None:
    add(kept, 0, 1, 2, 3)
    add(kept, 1, 4)
    kept.seal()
    blank_keys(kept.folder, kept.manifest().means[0], np.array([0]))
    assert same(means(kept), mean_of(0, 1, 2, 3), mean_of(1, 4))


def test_of_several_parts_the_newest_holds() -> None:
    older = MeansPart(np.array([1, -1, 3]), np.array([[1, 1], [9, 9], [3, 3]], np.float32))
    newer = MeansPart(np.array([2, 3]), np.array([[2, 2], [4, 4]], np.float32))
    found = PartMeans(2, [older, newer])
    assert found.keys.tolist() == [1, 2, 3]
    assert found.of(np.array([2, 0, 1])).tolist() == [[4, 4], [1, 1], [2, 2]]
    assert found.products(np.array([1, 0], np.float32)).tolist() == [1, 2, 4]
    some = PartMeans(2, [older, newer], np.array([1, 3, 5]))
    assert some.keys.tolist() == [1, 3]
    assert some.products(np.array([0, 1], np.float32)).tolist() == [1, 4]
    assert PartMeans(2, []).products(np.array([0, 1], np.float32)).tolist() == []


@pytest.mark.parametrize("rows_at_once", [1, 2, 3, 100])
def test_sums_do_not_depend_on_how_many_rows_are_taken_at_once(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take: Callable[[int], int] = lambda _: rows_at_once  # noqa: E731
    monkeypatch.setattr("gestalt_space.gallery.means.rows_at_once", take)
    labels = np.array([0, 0, 0, 0, 0, 1, 4, 4, 5, 5, 5])
    vectors = np.arange(22, dtype=np.float32).reshape(11, 2)
    blocks = list(run_sums(labels, lambda some: vectors[some], 2))
    found = np.concatenate([keys for keys, _ in blocks])
    assert found.tolist() == [0, 1, 4, 5]
    sums = np.concatenate([sums for _, sums in blocks])
    expected = [vectors[labels == label].sum(axis=0).tolist() for label in found]
    assert sums.tolist() == expected
