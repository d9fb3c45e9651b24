from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gestalt_space.errors import IndexDamaged
from gestalt_space.index.changing import scrub, verify_segment
from gestalt_space.index.segment import open_segment
from gestalt_space.index.writing import merge_segments
from tests.index.rows import SPACE, memory, written

COLUMNS = ("ids", "patients", "ages", "sites", "vectors")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_space.index.segment._AT_ONCE", 4 * 8 * 7)


def test_segments_are_merged_without_what_was_removed(tmp_path: Path, rng: np.random.Generator):
    parts = [memory(rng, 20, 8, 0), memory(rng, 9, 8, 50), memory(rng, 1, 8, 90)]
    gone = [np.array([0, 7]), np.array([8]), np.zeros(0, np.int64)]
    segments = [
        open_segment(tmp_path, scrub(tmp_path, written(tmp_path, part), rows))
        for part, rows in zip(parts, gone, strict=True)
    ]
    record = merge_segments(tmp_path, SPACE, segments)
    assert record is not None
    verify_segment(tmp_path, record)
    merged = open_segment(tmp_path, record)
    assert (record.rows, record.removed) == (27, 0)
    for name in COLUMNS:
        expected = np.concatenate(
            [np.delete(getattr(p, name), rows, 0) for p, rows in zip(parts, gone, strict=True)]
        )
        assert np.array_equal(getattr(merged, name), expected, equal_nan=name == "ages")


def test_ids_ascend_though_those_of_the_segments_interleave(
    tmp_path: Path, rng: np.random.Generator
):
    one, other = memory(rng, 30, 8), memory(rng, 30, 8)
    one, other = replace(one, ids=one.ids * 2 + 1), replace(other, ids=other.ids * 2)
    segments = [open_segment(tmp_path, written(tmp_path, part)) for part in (one, other)]
    record = merge_segments(tmp_path, SPACE, segments)
    assert record is not None
    merged = open_segment(tmp_path, record)
    assert merged.ids.tolist() == list(range(60))
    assert np.array_equal(merged.vectors[1::2], one.vectors)
    assert np.array_equal(merged.vectors[::2], other.vectors)
    assert np.array_equal(merged.patients[1::2], one.patients)


def test_an_id_of_two_segments_is_refused(tmp_path: Path, rng: np.random.Generator):
    segments = [open_segment(tmp_path, written(tmp_path, memory(rng, 3, 8))) for _ in range(2)]
    with pytest.raises(IndexDamaged):
        merge_segments(tmp_path, SPACE, segments)


def test_where_nothing_is_left_nothing_is_written(tmp_path: Path, rng: np.random.Generator):
    record = scrub(tmp_path, written(tmp_path, memory(rng, 3, 8)), np.arange(3))
    before = set(tmp_path.iterdir())
    assert merge_segments(tmp_path, SPACE, [open_segment(tmp_path, record)]) is None
    assert set(tmp_path.iterdir()) == before


def test_rows_in_memory_are_merged_as_well(tmp_path: Path, rng: np.random.Generator):
    old = open_segment(tmp_path, written(tmp_path, memory(rng, 3, 8)))
    record = merge_segments(tmp_path, SPACE, [old, memory(rng, 4, 8, 3)])
    assert record is not None
    assert record.rows == 7
