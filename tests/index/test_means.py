from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.checksums import record_file
from gestalt_space.index.means import (
    MeansRecord,
    blank_keys,
    open_means,
    scrub_means,
    verify_means,
    write_means,
)
from gestalt_space.types import Descriptors
from tests.galleries import files_with
from tests.index.rows import SPACE

KEYS = np.array([2, 3, 7, 11, 400])


@pytest.fixture
def means(rng: np.random.Generator) -> Descriptors:
    return rng.normal(size=(5, 6)).astype(np.float32)


@pytest.fixture
def record(tmp_path: Path, means: Descriptors) -> MeansRecord:
    blocks = [(KEYS[:2], means[:2]), (KEYS[2:], means[2:].astype(np.float64))]
    return write_means(tmp_path, SPACE, 6, 5, blocks)


def test_means_are_read_back_as_they_were_written(
    tmp_path: Path, means: Descriptors, record: MeansRecord
):
    part = open_means(tmp_path, record)
    assert np.array_equal(part.keys, KEYS)
    assert np.array_equal(part.means, means)
    assert part.means.dtype == np.float32
    assert not part.means.flags.writeable
    assert {file.name for file in record.files} == {path.name for path in tmp_path.iterdir()}
    verify_means(tmp_path, record)


@pytest.mark.parametrize("keys", [[2, 2], [3, 2], [-1, 2], [2], [2, 3, 4]], ids=str)
def test_keys_that_do_not_ascend_or_are_not_so_many_are_refused(keys: list[int], tmp_path: Path):
    blocks = [(np.array(keys), np.zeros((len(keys), 6)))]
    with pytest.raises(IndexDamaged):
        write_means(tmp_path, SPACE, 6, 2, blocks)
    assert list(tmp_path.iterdir()) == []


def test_a_removed_mean_is_overwritten_and_the_others_stay(
    tmp_path: Path, means: Descriptors, record: MeansRecord
):
    reader = open_means(tmp_path, record)
    after = scrub_means(tmp_path, record, np.array([1, 3]))
    part = open_means(tmp_path, after)
    assert part.keys.tolist() == [2, -1, 7, -1, 400]
    assert np.array_equal(part.means[[0, 2, 4]], means[[0, 2, 4]])
    assert not part.means[[1, 3]].any()
    verify_means(tmp_path, after)
    assert files_with(tmp_path, means[1].tobytes()) == []
    assert np.array_equal(reader.keys, KEYS), "who reads the old keys is not disturbed"
    blank_keys(tmp_path, record, np.array([1, 3]))
    assert reader.keys.tolist() == [2, -1, 7, -1, 400]
    assert scrub_means(tmp_path, after, np.array([1])).means == after.means, "once more"


@pytest.mark.parametrize("file", ["keys", "means"])
def test_a_flipped_bit_is_found(file: str, tmp_path: Path, record: MeansRecord):
    """Of keys when they are opened, of means by verifying alone."""
    path = tmp_path / getattr(record, file).name
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    if file == "keys":
        with pytest.raises(IndexDamaged, match="changed since it was written"):
            open_means(tmp_path, record)
    else:
        open_means(tmp_path, record)
    with pytest.raises(IndexDamaged, match="changed since it was written"):
        verify_means(tmp_path, record)


@pytest.mark.parametrize(("key", "place"), [(-1, 1), (2, 1)])
def test_keys_that_cannot_be_are_found_though_the_hashes_fit(
    key: int, place: int, tmp_path: Path, record: MeansRecord
):
    path = tmp_path / record.keys.name
    data = bytearray(path.read_bytes())
    start = len(data) - 8 * (5 - place)
    data[start : start + 8] = np.array(key, dtype="<i8").tobytes()
    path.write_bytes(bytes(data))
    with pytest.raises(IndexDamaged, match=r"in order|removed"):
        verify_means(tmp_path, replace(record, keys=record_file(path)))


@pytest.mark.parametrize("change", [{"patients": 4}, {"dim": 5}], ids=str)
def test_files_that_do_not_fit_their_record_are_noticed(
    change: dict[str, int], tmp_path: Path, record: MeansRecord
):
    with pytest.raises(IndexDamaged):
        open_means(tmp_path, replace(record, **change))
