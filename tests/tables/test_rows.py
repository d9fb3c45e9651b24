"""No cell of a CSV is a formula, and every text comes back as it was."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.tables.rows import RecordReader, RowReader, RowWriter, plain_cell, safe_cell

FORMULAS = ["=1+1", "+49", "-5", "@sum", "\t=1", "\r=1", " =1", "'=1", "''=1", "-"]
PLAIN = ["P1", "'t Hooft", "''", "'", "a=b", "", "HP:0000664;!HP:0000252", "Übung", "臺北"]
ROOT = Path(__file__).parents[2]


def written(rows: list[list[object]], separator: str = ",") -> str:
    stream = io.StringIO()
    RowWriter(stream, separator).write_all(rows)
    return stream.getvalue()


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_written_behind_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert plain_cell(f"'{text}") == text


@pytest.mark.parametrize("text", PLAIN)
def test_another_text_is_written_as_it_is(text: str) -> None:
    assert safe_cell(text) == text
    assert plain_cell(text) == text


@given(st.lists(st.text(alphabet="'=+-@\t\r \n\",;aé"), min_size=2, max_size=4))
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_text_comes_back(separator: str, row: list[str]) -> None:
    text = written([list(row)], separator)
    assert list(RowReader(io.StringIO(text, newline=""), separator)) == [row]
    (cells,) = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_numbers_are_numbers_and_nothing_is_empty() -> None:
    assert written([[-1, -0.5, None, "-1"]]) == "-1,-0.5,,'-1\n"


def test_records_have_their_names_and_lines() -> None:
    reader = RecordReader(io.StringIO("patient,'=x\nP1,'-1\n"))
    assert list(reader) == [{"patient": "P1", "=x": "-1"}]
    assert reader.line_num == 2


def test_a_quote_that_stays_open_is_an_error_where_that_is_asked_for() -> None:
    with pytest.raises(csv.Error):
        list(RowReader(io.StringIO('"a'), strict=True))


def test_nothing_else_writes_or_reads_csv() -> None:
    used = set()
    for path in [*(ROOT / "gestalt_space").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if re.search(r"^import csv$", text, re.MULTILINE):
            used |= {(path.name, name) for name in re.findall(r"\bcsv\.([a-zA-Z]+)", text)}
        assert "import csv as" not in text
        assert "from csv" not in text
    assert {found for found in used if found[1] != "Error"} == {
        ("rows.py", name) for name in ("writer", "reader", "DictReader")
    }
