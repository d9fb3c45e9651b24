"""The page of a matrix: its data are the matrix as it is drawn."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.cohort.ordering import clustered_order
from gestalt_space.errors import OutputError, UsageError
from gestalt_space.figures.cohorts import MOST_ROWS
from gestalt_space.pages.heat_map import _whole, matrix_page, write_matrix_page
from tests.cohort.selections import planted
from tests.pages.parsed import Page


def data_of(text: str) -> dict:
    (data,) = [json.loads(one) for kind, one in Page(text).scripts if kind == "application/json"]
    return data


@pytest.mark.parametrize(("value", "digits"), [("similarity", 3), ("rank", 0)])
def test_every_cell_is_there_as_it_is_shown(value: str, digits: int):
    of = planted(disorders=2, each=4, strength=1.0)
    matrix = measure(of, value=value, gallery=of)
    data = data_of(matrix_page(matrix))
    order = clustered_order(matrix)
    assert data["rows"] == [matrix.rows[row] for row in order.rows]
    assert data["columns"] is None
    told = np.frombuffer(base64.b64decode(data["values"]), f"<i{data['bytes']}")
    # Ranks are small, and not the same in both directions.
    assert (data["half"], data["bytes"]) == ((True, 2) if value == "similarity" else (False, 1))
    values = np.zeros((8, 8), told.dtype)
    if data["half"]:
        values[np.tril_indices(8)] = told
        values = np.tril(values) + np.tril(values, -1).T
    else:
        values = told.reshape(8, 8)
    drawn = matrix.values[np.ix_(order.rows, order.columns)].astype(float)
    known = drawn >= 0 if value == "rank" else np.ones_like(drawn, bool)
    assert data["digits"] == digits
    np.testing.assert_allclose(values[known] / 10**digits, drawn[known], atol=0.00051)
    assert (values[~known] == -(2**7)).all()
    assert known.all() == (value == "similarity")


def test_numbers_take_no_more_room_than_they_need():
    values, width = _whole(np.array([0.5, np.nan, -1.0]), 2)
    assert width == 1
    assert np.frombuffer(values, "<i1").tolist() == [50, -(2**7), -100]
    values, width = _whole(np.array([0.5, np.nan, -1.0]), 3)
    assert width == 2
    assert np.frombuffer(values, "<i2").tolist() == [500, -(2**15), -1000]
    values, width = _whole(np.array([40_000.0, np.nan]), 0)
    assert width == 4
    assert np.frombuffer(values, "<i4").tolist() == [40_000, -(2**31)]


def test_two_sets_have_names_on_two_sides():
    of = planted(disorders=2, each=4, strength=1.0)
    data = data_of(matrix_page(measure(of.only(of.patients[:3]), of.only(of.patients[3:]))))
    assert (len(data["rows"]), len(data["columns"])) == (3, 5)


def test_a_page_of_what_cannot_be_looked_at_is_refused(tmp_path):
    with pytest.raises(UsageError, match="too many for a readable heat map"):
        matrix_page(measure(planted(disorders=1, each=MOST_ROWS + 1, strength=1.0)))
    matrix = measure(planted(disorders=1, each=3, strength=1.0))
    with pytest.raises(UsageError, match="does not end in"):
        write_matrix_page(matrix, tmp_path / "m.png")
    write_matrix_page(matrix, tmp_path / "m.html")
    with pytest.raises(OutputError, match="exists"):
        write_matrix_page(matrix, tmp_path / "m.html")


def test_a_page_of_400_patients_is_below_a_megabyte():
    text = matrix_page(measure(planted(disorders=10, each=40, strength=1.0), unit="patient"))
    assert len(text.encode()) < 1_000_000
