"""A table is one thing: CSV, records, a data frame, and what is printed."""

from __future__ import annotations

import math
from datetime import datetime

import pandas
import pytest

from gestalt_space.tables.table import Column, Table


@pytest.fixture
def table() -> Table:
    table = Table(
        (
            Column("patient", whole=True),
            Column("photos", "integer"),
            Column("similarity", "number", shown=".2f"),
            Column("sound", "truth", shown=lambda value: "yes" if value else "no"),
            Column("seen_at", "time", title="seen"),
            Column("genes"),
            Column("told", title="in words", readers="people"),
        )
    )
    table.add_row("=P1", 1200, 0.123456789, True, datetime(2026, 1, 2, 3, 4, 5), ("A", "B"), "both")
    table.add_row("P2", None, math.nan, False, None, (), None)
    return table


def test_csv_has_plain_values(table: Table) -> None:
    assert table.csv().decode() == (
        "patient,photos,similarity,sound,seen_at,genes\n"
        "'=P1,1200,0.123457,1,2026-01-02T03:04:05Z,A; B\n"
        "P2,,,0,,\n"
    )
    assert table.csv("\t").startswith(b"patient\tphotos\t")


def test_a_negative_number_is_no_formula() -> None:
    table = Table(("a", "b", "c"), [(-3.25, -1, "-3.25"), (1e9, 0, "")])
    assert table.csv().decode() == "a,b,c\n-3.25,-1,'-3.25\n1E+9,0,\n"


def test_records_are_fit_for_json(table: Table) -> None:
    first, second = table.records()
    assert first["seen_at"] == "2026-01-02T03:04:05Z"
    assert first["genes"] == ["A", "B"]
    assert second == {
        "patient": "P2",
        "photos": None,
        "similarity": None,
        "sound": False,
        "seen_at": None,
        "genes": [],
    }


def test_a_data_frame_has_the_types_of_the_columns(table: Table) -> None:
    frame = table.frame()
    assert frame["photos"].dtype == "Int64"
    assert frame["sound"].dtype == "boolean"
    assert frame["similarity"].dtype == "float64"
    assert frame["seen_at"][0] == pandas.Timestamp("2026-01-02T03:04:05Z")
    assert frame["seen_at"].isna().tolist() == [False, True]


def test_people_read_formatted_values(table: Table) -> None:
    columns, (texts, _) = table.texts()
    assert texts == ["=P1", "1,200", "0.12", "yes", "2026-01-02T03:04:05Z", "A; B", "both"]
    assert [column.heading for column in columns][4:] == ["seen", "genes", "in words"]
    assert [column.is_right for column in columns] == [False, True, True, *[False] * 4]


def test_a_row_has_a_value_for_each_column(table: Table) -> None:
    with pytest.raises(ValueError, match="2 values for 7 columns"):
        table.add_row("P3", 1)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1, None), "integer"),
        ((1, 0.5), "number"),
        ((True, False), "truth"),
        (("a", 1), "text"),
        ((math.nan, None), "text"),
    ],
)
def test_a_column_that_is_a_name_has_the_kind_of_its_values(
    values: tuple[object, ...], kind: str
) -> None:
    (column,) = Table(("x",), ((value,) for value in values)).columns  # type: ignore[arg-type, misc]
    assert column.kind == kind
