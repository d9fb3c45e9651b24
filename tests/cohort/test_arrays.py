"""Selections of arrays and data frames: rows in any order, and nothing contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest

from gestalt_space.cohort.arrays import selection_of, selection_of_frame
from gestalt_space.cohort.cohort_matrix import measure
from gestalt_space.errors import DescriptorError, SpaceMismatch, UsageError
from tests import made

ROWS = made.unit(np.random.default_rng(0), 4, 16)
PATIENTS = ["b", "a", "b", "a"]


class Frame(dict):
    """A table as pandas and polars show it: columns by name, and their names."""

    @property
    def columns(self) -> list[str]:
        return list(self)


class Missing:
    """As pandas' own mark of what is missing: it says neither yes nor no when it is compared."""

    def __eq__(self, other: object) -> Missing:  # type: ignore[override]
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_rows_are_patient_after_patient_with_what_is_known_of_them():
    found = selection_of(
        ROWS,
        PATIENTS,
        photos=["2.png", "1.png", "1.png", "0.png"],
        ages=["3y", np.nan, 4.5, None],
        disorders=["OMIM:2", None, ["OMIM:1", "OMIM:2"], ""],
        genes=np.array(["KMT2D", "", "KMT2D", ""]),
        sex=["male", Missing(), None, "female"],
        cohort=["Bonn", "Taipei", "Bonn", "Taipei"],
        family=["F1", "?", None, ""],
        site=["B", "A", "", "unknown"],
    )
    assert found.patients == ("a", "b") == found.stored_as
    np.testing.assert_array_equal(found.descriptors, ROWS[[3, 1, 2, 0]])
    assert found.photos.tolist() == ["0.png", "1.png", "1.png", "2.png"]
    assert found.patient_of_row.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(found.ages, [np.nan, np.nan, 4.5, 3])
    assert found.disorders == ((), ("OMIM:1", "OMIM:2"))
    assert found.genes == ((), ("KMT2D",))
    assert found.people.sex.tolist() == ["female", "male"]
    assert found.people.cohort.tolist() == ["Taipei", "Bonn"]
    assert found.people.ancestry.tolist() == ["", ""]
    assert found.people.family.tolist() == ["", "F1"]
    assert found.sites.tolist() == ["", "A", "", "B"]


def test_what_is_not_known_is_no_disorder():
    told = [["A", np.nan], [None, ""], frozenset({"B", "A"}), []]
    found = selection_of(ROWS, photos=[None, "x", np.nan, "y"], disorders=told, ages=[1, 2, 3, 4])
    assert found.disorders == (("A",), (), ("A", "B"), ())
    assert found.photos.tolist() == ["1", "x", "3", "y"]


@pytest.mark.parametrize("age", [-5, np.inf, 1e9, "old"])
def test_an_age_that_nobody_has_is_told(age: object):
    with pytest.raises(UsageError, match="is not an age"):
        selection_of(ROWS, ages=[1, 2, 3, age])


def test_a_list_is_no_name():
    with pytest.raises(UsageError, match="is not a name"):
        selection_of(ROWS, [["a"], ["b"], ["c"], ["d"]])


def test_without_patients_every_row_is_one():
    found = selection_of(np.repeat(ROWS, 3, axis=0))
    assert len(found.patients) == len(found) == 12
    np.testing.assert_array_equal(found.descriptors, np.repeat(ROWS, 3, axis=0))


@pytest.mark.parametrize("kind", [dict, Frame])
def test_a_frame_is_read_by_its_columns(kind: type):
    frame = kind(patient=[4, 3, 4, 3], age=[1.0, 2.0, 1.0, 2.0], disorder=list("xyxy"), other=ROWS)
    found = selection_of_frame(ROWS, frame, space="mine")
    assert found.patients == ("3", "4")
    assert found.disorders == (("y",), ("x",))
    assert found.ages.tolist() == [2, 2, 1, 1]
    assert found.space == "mine"
    with pytest.raises(
        SpaceMismatch, match=r"different spaces: mine with .* and these descriptors"
    ):
        measure(found, selection_of(ROWS))


def test_a_frame_of_pandas_is_read():
    import pandas

    frame = pandas.DataFrame({"patient": PATIENTS, "sex": ["male", None, pandas.NA, "female"]})
    assert selection_of_frame(ROWS, frame).people.sex.tolist() == ["female", "male"]


def test_what_cannot_be_is_told():
    with pytest.raises(UsageError, match="3 ages for 4"):
        selection_of(ROWS, ages=[1, 2, 3])
    with pytest.raises(UsageError, match="Patient b has two values for sex: male and female"):
        selection_of(ROWS, PATIENTS, sex=["male", None, "female", None])
    with pytest.raises(UsageError, match="no patient"):
        selection_of(ROWS, ["a", None, "b", "c"])
    with pytest.raises(UsageError, match="no column `patient`"):
        selection_of_frame(ROWS, {"photo": PATIENTS})
    with pytest.raises(DescriptorError, match="unit length"):
        selection_of(2 * ROWS)
