from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.index import checksums
from gestalt_space.index.checksums import (
    FileRecord,
    check_file,
    check_size,
    hash_again,
    record_file,
)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "CHUNK", 10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(35)))
    return path


def test_a_file_is_hashed_by_chunks(file: Path):
    record = record_file(file)
    assert (record.name, record.bytes) == ("file", 35)
    assert record.sha256 == tuple(
        hashlib.sha256(bytes(range(start, min(start + 10, 35)))).hexdigest()
        for start in (0, 10, 20, 30)
    )


def test_an_empty_file_has_no_chunk(tmp_path: Path):
    (tmp_path / "empty").touch()
    assert record_file(tmp_path / "empty") == FileRecord("empty", 0, ())


@pytest.mark.parametrize(
    ("start", "length", "chunks"),
    [(0, 1, {0}), (9, 1, {0}), (9, 2, {0, 1}), (10, 10, {1}), (8, 24, {0, 1, 2, 3}), (34, 1, {3})],
)
def test_only_what_was_touched_is_hashed_again(
    start: int, length: int, chunks: set[int], file: Path
):
    before = record_file(file)
    data = bytearray(file.read_bytes())
    data[start : start + length] = b"\xff" * length
    file.write_bytes(bytes(data))
    after = hash_again(file.parent, before, [(start, length)])
    assert after == record_file(file)
    assert {n for n in range(4) if before.sha256[n] != after.sha256[n]} == chunks


def test_a_chunk_that_was_not_touched_keeps_its_hash(file: Path):
    before = record_file(file)
    file.write_bytes(b"\xff" * 35)
    after = hash_again(file.parent, before, [(12, 3)])
    assert after.sha256[1] == hashlib.sha256(b"\xff" * 10).hexdigest()
    assert [after.sha256[n] == before.sha256[n] for n in range(4)] == [True, False, True, True]


def test_a_sound_file_passes(file: Path):
    record = record_file(file)
    check_file(file.parent, record)
    assert check_size(file.parent, record) == file


@pytest.mark.parametrize("size", [0, 34, 36])
def test_another_size_is_noticed_without_reading(size: int, file: Path):
    record = record_file(file)
    file.write_bytes(bytes(range(size)))
    with pytest.raises(IndexDamaged, match="bytes instead of 35") as caught:
        check_size(file.parent, record)
    assert "gestalt index rebuild" in caught.value.hint


@pytest.mark.parametrize("place", [0, 9, 10, 34])
def test_a_flipped_bit_is_noticed(place: int, file: Path):
    record = record_file(file)
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(bytes(data))
    check_size(file.parent, record)
    with pytest.raises(IndexDamaged, match="changed since it was written"):
        check_file(file.parent, record)


def test_a_missing_file_is_noticed(file: Path):
    record = record_file(file)
    file.unlink()
    for check in (check_size, check_file):
        with pytest.raises(IndexDamaged):
            check(file.parent, record)
