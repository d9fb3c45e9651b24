from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import DescriptorError, IndexDamaged, OutputError
from gestalt_space.index.changing import verify_segment
from gestalt_space.index.codes import code_probes
from gestalt_space.index.segment import MemorySegment, SegmentRecord, open_segment
from gestalt_space.index.writing import write_segment
from tests import made
from tests.index.rows import SPACE, memory, written

COLUMNS = ("ids", "patients", "ages", "sites", "vectors")


@pytest.fixture
def rows(rng: np.random.Generator) -> MemorySegment:
    return memory(rng, 50, 24, first=100)


@pytest.fixture
def record(tmp_path: Path, rows: MemorySegment) -> SegmentRecord:
    return written(tmp_path, rows)


def test_what_was_written_is_read_back(tmp_path: Path, rows: MemorySegment, record: SegmentRecord):
    segment = open_segment(tmp_path, record)
    for name in COLUMNS:
        assert np.array_equal(getattr(segment, name), getattr(rows, name), equal_nan=name == "ages")
    assert (len(segment), segment.name, segment.kept) == (50, record.name, None)
    assert segment.vectors.dtype == np.float32
    assert np.array_equal(segment.take(np.array([7, 3, 7])), rows.vectors[[7, 3, 7]])
    verify_segment(tmp_path, record)


def test_what_is_mapped_cannot_be_written_to(tmp_path: Path, record: SegmentRecord):
    segment = open_segment(tmp_path, record)
    for name in COLUMNS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(segment, name)[0] = 0


def test_a_segment_is_three_files_of_its_owner_alone(tmp_path: Path, record: SegmentRecord):
    names = {file.name for file in record.files}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert all(name.startswith(f"{SPACE[:16]}-") for name in names)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"pickle" not in path.read_bytes()[:100]


def test_no_two_segments_share_a_name(tmp_path: Path, rows: MemorySegment):
    first, second = written(tmp_path, rows), written(tmp_path, rows)
    assert not {file.name for file in first.files} & {file.name for file in second.files}


def test_the_error_is_that_of_the_worst_row(rows: MemorySegment, record: SegmentRecord):
    whole = np.rint(rows.vectors * np.float32(record.scale))
    assert np.abs(whole).max() == 127
    errors = np.linalg.norm(rows.vectors - whole.astype(np.float64) / record.scale, axis=1)
    assert record.error == errors.max() > 0


def test_codes_are_opened_once_by_many_threads(tmp_path: Path, record: SegmentRecord):
    segment = open_segment(tmp_path, record)
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: id(segment.codes.index), range(64)))
    assert len(set(opened)) == 1


def test_codes_find_a_row_by_itself(tmp_path: Path, rows: MemorySegment, record: SegmentRecord):
    segment = open_segment(tmp_path, record)
    found, products = segment.codes.search(code_probes(rows.vectors[9][None]).whole[0], 3, None)
    assert found[0] == 9
    assert (np.diff(products) <= 0).all()
    only = np.isin(np.arange(50), [4, 30])
    assert set(segment.codes.search(code_probes(rows.vectors[9][None]).whole[0], 3, only)[0]) == {
        4,
        30,
    }


@pytest.mark.parametrize("part", ["vectors", "codes", "columns"])
@pytest.mark.parametrize("size", [0, 10, 200, -1])
def test_a_file_cut_short_is_noticed_when_it_is_opened(
    part: str, size: int, tmp_path: Path, record: SegmentRecord
):
    path = tmp_path / getattr(record, part).name
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(IndexDamaged) as caught:
        open_segment(tmp_path, record)
    assert "gestalt index rebuild" in caught.value.hint


@pytest.mark.parametrize("part", ["vectors", "codes", "columns"])
def test_a_missing_file_is_noticed_when_it_is_opened(
    part: str, tmp_path: Path, record: SegmentRecord
):
    (tmp_path / getattr(record, part).name).unlink()
    with pytest.raises(IndexDamaged):
        open_segment(tmp_path, record)


@pytest.mark.parametrize("change", [{"rows": 49}, {"rows": 25, "dim": 48}, {"dim": 25}])
def test_a_record_of_another_shape_is_noticed(
    change: dict[str, int], tmp_path: Path, record: SegmentRecord
):
    with pytest.raises(IndexDamaged):
        open_segment(tmp_path, replace(record, **change))


@pytest.mark.parametrize("part", ["vectors", "columns"])
def test_another_kind_of_file_of_that_size_is_noticed(
    part: str, tmp_path: Path, record: SegmentRecord
):
    path = tmp_path / getattr(record, part).name
    path.write_bytes(b"\x93NUMPY\x09" + bytes(path.stat().st_size - 7))
    with pytest.raises(IndexDamaged):
        open_segment(tmp_path, record)


def test_vectors_of_another_kind_are_noticed(tmp_path: Path, record: SegmentRecord):
    path = tmp_path / record.vectors.name
    size = path.stat().st_size
    np.save(path, np.zeros((50, 24), np.int32))
    assert path.stat().st_size == size
    with pytest.raises(IndexDamaged):
        open_segment(tmp_path, record)


def test_codes_of_another_kind_are_noticed_at_the_first_search(
    tmp_path: Path, rows: MemorySegment, record: SegmentRecord
):
    other = written(tmp_path, memory(np.random.default_rng(1), 25, 48))
    path = tmp_path / record.codes.name
    assert path.stat().st_size == (tmp_path / other.codes.name).stat().st_size
    for data in ((tmp_path / other.codes.name).read_bytes(), bytes(path.stat().st_size)):
        path.write_bytes(data)
        segment = open_segment(tmp_path, record)
        with pytest.raises(IndexDamaged):
            segment.codes.search(code_probes(rows.vectors[0][None]).whole[0], 1, None)


@pytest.mark.parametrize("ids", [[3, 2], [2, 2], [-1, 4]])
def test_ids_that_do_not_ascend_are_refused(ids: list[int], tmp_path: Path):
    rows = memory(np.random.default_rng(1), 2, 4)
    with pytest.raises(IndexDamaged):
        written(tmp_path, replace(rows, ids=np.array(ids)))


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_other_lengths_are_refused(name: str, tmp_path: Path, rows: MemorySegment):
    with pytest.raises(IndexDamaged):
        written(tmp_path, replace(rows, **{name: getattr(rows, name)[:-1]}))


def test_no_rows_are_no_segment(tmp_path: Path):
    with pytest.raises(IndexDamaged):
        written(tmp_path, memory(np.random.default_rng(1), 0, 4))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 2.0])
def test_a_vector_that_is_none_is_refused_and_no_file_stays(
    value: float, tmp_path: Path, rows: MemorySegment
):
    vectors = rows.vectors.copy()
    vectors[40] = value
    with pytest.raises(DescriptorError):
        written(tmp_path, replace(rows, vectors=vectors))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path, rows: MemorySegment):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        written(tmp_path / "file" / "index", rows)


def test_vectors_are_written_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gestalt_space.index.segment._AT_ONCE", 4 * 24 * 7)
    rows = memory(np.random.default_rng(1), 50, 24)
    record = written(tmp_path, rows)
    assert np.array_equal(open_segment(tmp_path, record).vectors, rows.vectors)
    verify_segment(tmp_path, record)


def test_vectors_in_another_order_are_written_in_order(tmp_path: Path, rows: MemorySegment):
    record = written(tmp_path, replace(rows, vectors=np.asfortranarray(rows.vectors)))
    assert np.array_equal(open_segment(tmp_path, record).vectors, rows.vectors)


def test_one_row_is_a_segment(tmp_path: Path):
    vectors = made.unit(np.random.default_rng(1), 1, 1)
    one, none = np.array([0]), np.array([np.nan])
    record = write_segment(tmp_path, SPACE, one, one, none, one, vectors)
    verify_segment(tmp_path, record)
    assert record.error == 0
