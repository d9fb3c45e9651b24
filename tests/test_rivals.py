"""The benchmark beside rivals: what it finds of one is true, and one that fails is a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.rivals.__main__ import HEADER, make_data, rows_of
from benchmarks.rivals.environments import Entry


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rivals")
    make_data(folder, rows=300, slots=1)
    return folder


def _row(kind: str, data: Path, limit: float = 60.0) -> dict[str, str]:
    entry = Entry("one", kind, ())  # in this environment
    (row,) = rows_of(entry, data, data, 1, limit)
    return dict(zip(HEADER, row, strict=True))


def test_a_product_finds_the_ten_nearest(data: Path) -> None:
    found = _row("numpy_product:NumPy", data)
    assert found["recall of 10"] == "1.000"
    assert float(found["top 10, ms"]) >= 0
    assert found["add 20 rows, ms"] == "not offered"
    assert not (data / "files").exists()


def test_rows_are_added_to_the_files_of_faiss(data: Path) -> None:
    found = _row("faiss_flat:FaissFlat", data)
    assert found["recall of 10"] == "1.000"
    assert float(found["add 20 rows, ms"]) > 0


def test_a_rival_that_fails_is_a_row_with_the_reason(data: Path) -> None:
    assert "build: AttributeError" in _row("numpy_product:Missing", data)["way"]


def test_a_rival_that_takes_too_long_is_a_row_that_says_so(data: Path) -> None:
    assert _row("numpy_product:NumPy", data, limit=0.01)["way"] == "build: not ended after 0.01 s"
