from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.index import checksums
from gestalt_space.index.changing import blank_columns, scrub, verify_segment, with_columns
from gestalt_space.index.segment import MemorySegment, SegmentRecord, open_segment
from tests.index.rows import memory, written

GONE = np.array([3, 49, 20, 3])


@pytest.fixture
def rows(rng: np.random.Generator) -> MemorySegment:
    return memory(rng, 50, 24, first=100)


@pytest.fixture
def record(tmp_path: Path, rows: MemorySegment, monkeypatch: pytest.MonkeyPatch) -> SegmentRecord:
    monkeypatch.setattr(checksums, "CHUNK", 1000)
    return written(tmp_path, rows)


def code_bytes(rows: MemorySegment, record: SegmentRecord, row: int) -> bytes:
    whole = np.rint(rows.vectors[row] * np.float32(record.scale)) + 128
    return whole.astype(np.uint8).tobytes()


def test_removed_rows_are_nowhere_on_the_disk_but_in_the_old_columns(
    tmp_path: Path, rows: MemorySegment, record: SegmentRecord
):
    old = tmp_path / record.columns.name
    traces = [rows.vectors[3].tobytes(), code_bytes(rows, record, 3)]
    traces += [np.int64(rows.ids[3]).tobytes()]
    for file, trace in zip(record.files, traces, strict=True):
        assert trace in (tmp_path / file.name).read_bytes()
    after = scrub(tmp_path, record, GONE)
    for file, trace in zip(after.files, traces, strict=True):
        assert trace not in (tmp_path / file.name).read_bytes()
    assert traces[2] in old.read_bytes()
    blank_columns(tmp_path, record, GONE)
    assert traces[2] not in old.read_bytes()
    assert (after.rows, after.removed) == (50, 3)
    assert after.columns.name != record.columns.name
    assert after.vectors.name == record.vectors.name


def test_other_rows_stay_as_they_were(tmp_path: Path, rows: MemorySegment, record: SegmentRecord):
    segment = open_segment(tmp_path, scrub(tmp_path, record, GONE))
    kept = np.setdiff1d(np.arange(50), GONE)
    assert segment.kept is not None
    assert np.flatnonzero(segment.kept).tolist() == kept.tolist()
    for name in ("ids", "patients", "ages", "sites", "vectors"):
        theirs, ours = getattr(segment, name), getattr(rows, name)
        assert np.array_equal(theirs[kept], ours[kept], equal_nan=name == "ages")
    assert (segment.ids[GONE] == -1).all()
    assert (segment.patients[GONE] == -1).all()
    assert np.isnan(segment.ages[GONE]).all()
    assert (segment.sites[GONE] == 0).all()
    assert (segment.vectors[GONE] == 0).all()


def test_a_scrubbed_segment_is_sound_and_may_be_scrubbed_again(
    tmp_path: Path, record: SegmentRecord
):
    once = scrub(tmp_path, record, GONE)
    verify_segment(tmp_path, once)
    twice = scrub(tmp_path, once, np.array([3, 4]))
    verify_segment(tmp_path, twice)
    assert twice.removed == 4
    nothing = scrub(tmp_path, twice, np.zeros(0, np.int64))
    verify_segment(tmp_path, nothing)
    assert nothing.removed == 4
    everything = scrub(tmp_path, nothing, np.arange(50))
    verify_segment(tmp_path, everything)
    assert everything.removed == 50


def test_after_a_crash_the_old_record_is_scrubbed_again(tmp_path: Path, record: SegmentRecord):
    scrub(tmp_path, record, GONE)
    with pytest.raises(IndexDamaged):
        verify_segment(tmp_path, record)
    verify_segment(tmp_path, scrub(tmp_path, record, GONE))


def test_who_has_the_segment_open_sees_zeros(tmp_path: Path, record: SegmentRecord):
    segment = open_segment(tmp_path, record)
    assert segment.vectors[3].any()
    assert segment.codes.index.reconstruct(3).any()
    scrub(tmp_path, record, GONE)
    assert not segment.vectors[3].any()
    assert not segment.codes.index.reconstruct(3).any()
    assert segment.patients[3] != -1
    blank_columns(tmp_path, record, GONE)
    assert segment.patients[3] == -1


def test_chunks_that_no_removed_row_lies_in_are_not_hashed(
    tmp_path: Path, record: SegmentRecord, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / record.vectors.name
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    after = scrub(tmp_path, record, np.array([3]))
    assert after.vectors.sha256[-1] == record.vectors.sha256[-1]
    assert after.vectors.sha256[0] != record.vectors.sha256[0]
    with pytest.raises(IndexDamaged, match="changed since it was written"):
        verify_segment(tmp_path, after)


@pytest.mark.parametrize("row", [-1, 50])
def test_a_row_that_is_not_there_is_refused_and_nothing_is_overwritten(
    row: int, tmp_path: Path, record: SegmentRecord
):
    with pytest.raises(IndexDamaged):
        scrub(tmp_path, record, np.array([0, row]))
    verify_segment(tmp_path, record)


def test_corrected_facts_stand_in_new_columns(
    tmp_path: Path, rows: MemorySegment, record: SegmentRecord
):
    reader = open_segment(tmp_path, record)
    scrubbed = scrub(tmp_path, record, np.array([3]))
    after = with_columns(tmp_path, scrubbed, np.arange(50) / 2, np.arange(50) - 7)
    segment = open_segment(tmp_path, after)
    verify_segment(tmp_path, after)
    others = np.arange(50) != 3
    assert np.array_equal(segment.ages[others], (np.arange(50) / 2)[others])
    assert np.array_equal(segment.sites[others], (np.arange(50) - 7)[others])
    assert np.array_equal(segment.ids[others], rows.ids[others])
    assert np.isnan(segment.ages[3])
    assert segment.sites[3] == 0
    assert np.array_equal(reader.ages, rows.ages, equal_nan=True)


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def test_a_flipped_bit_of_few_columns_is_found_when_they_are_opened(
    tmp_path: Path, record: SegmentRecord, monkeypatch: pytest.MonkeyPatch
):
    flip(tmp_path / record.columns.name, -5)
    with pytest.raises(IndexDamaged, match="changed since it was written"):
        open_segment(tmp_path, record)
    monkeypatch.setattr(checksums, "HASHED", 0)
    open_segment(tmp_path, record)
    with pytest.raises(IndexDamaged, match="changed since it was written"):
        verify_segment(tmp_path, record)


@pytest.mark.parametrize("part", ["vectors", "codes"])
def test_a_flipped_bit_is_found_by_verifying_alone(
    part: str, tmp_path: Path, record: SegmentRecord
):
    flip(tmp_path / getattr(record, part).name, -5)
    open_segment(tmp_path, record)
    with pytest.raises(IndexDamaged, match="changed since it was written"):
        verify_segment(tmp_path, record)


@pytest.mark.parametrize("part", ["codes", "vectors"])
def test_codes_of_other_vectors_are_found_though_the_hashes_fit(
    part: str, tmp_path: Path, record: SegmentRecord
):
    path = tmp_path / getattr(record, part).name
    flip(path, -1)
    sound = replace(record, **{part: checksums.record_file(path)})
    with pytest.raises(IndexDamaged, match="not match its vectors"):
        verify_segment(tmp_path, sound)


@pytest.mark.parametrize("change", [{"error": 1e-4}, {"removed": 1}])
def test_a_record_that_says_too_little_is_found(
    change: dict[str, float], tmp_path: Path, record: SegmentRecord
):
    with pytest.raises(IndexDamaged):
        verify_segment(tmp_path, replace(record, **change))
