"""Documents and CSVs are what they were: programs rest on every field."""

from __future__ import annotations

import io
import json

import pytest

from gestalt_space.tables.rows import RecordReader
from tests.documents.examples import GOLDEN, documents, tables, text_of
from tests.documents.validation import assert_valid


@pytest.mark.parametrize("name", documents())
def test_a_document_is_its_golden_file(name: str) -> None:
    document = documents()[name]
    assert text_of(document) == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    assert_valid(json.loads(text_of(document)), name)


@pytest.mark.parametrize("name", tables())
def test_a_table_is_its_golden_file(name: str) -> None:
    assert tables()[name].csv() == (GOLDEN / f"{name}.csv").read_bytes()


@pytest.mark.parametrize("name", tables())
def test_a_table_is_read_back_as_it_was(name: str) -> None:
    table = tables()[name]
    rows = list(RecordReader(io.StringIO(table.csv().decode("utf-8"), newline="")))
    for row, record in zip(rows, table.records(), strict=True):
        texts = {key: value for key, value in record.items() if isinstance(value, str)}
        assert texts.items() <= row.items()


@pytest.mark.parametrize("name", tables())
def test_a_table_is_a_data_frame(name: str) -> None:
    frame = tables()[name].frame()
    assert tuple(frame.columns) == tables()[name].names
    assert len(frame) == len(tables()[name].rows)


def test_every_golden_file_is_one_of_ours() -> None:
    stems = {path.name for path in GOLDEN.iterdir()}
    assert stems == {f"{name}.json" for name in documents()} | {f"{name}.csv" for name in tables()}
