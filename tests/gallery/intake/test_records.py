"""Records: read from cells, and checked in one place whoever made them."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake import Intake
from gestalt_space.gallery.intake.records import check_row, make_record
from gestalt_space.types import Disorder, PhotoRecord

ZOE = unicodedata.normalize("NFD", "Zoé")


def checked(**facts: Any) -> Intake:
    told = {"photo": "x.png", "patient": "P", **facts}
    return check_row(Intake("x.png", Path("x.png"), PhotoRecord(**told)))


def test_unknown_cells_are_left_open() -> None:
    cells = {"photo": "x", "patient": "P", "ancestry": "unknown", "cohort": "NA", "consent": " "}
    assert make_record(cells).record == PhotoRecord("x", "P")


def test_lists_keep_their_order_and_each_entry_once() -> None:
    found = make_record({"genes": "SMC3; NIPBL;;smc3 ;", "hpo": "; HP:0000002;HP:0000001"}).record
    assert found.genes == ("SMC3", "NIPBL")
    assert found.hpo == ("HP:0000002", "HP:0000001")


def test_what_is_read_in_a_way_to_know_of_is_noted_once() -> None:
    told = make_record({"disorder": "122470;OMIM:122470", "genes": "NIPBL?"})
    assert told.record.disorders == (Disorder("OMIM:122470"),)
    assert [note.split()[0] for note in told.notes] == ["The", "'NIPBL?'"]


def test_a_record_in_python_comes_to_the_same_spelling_as_a_table_s() -> None:
    row = checked(
        patient=f" {ZOE} ",
        photo=f"{ZOE}.png",
        disorders=[Disorder("omim 122470", "NA"), Disorder("unknown")],
        genes=("kmt2d", "NA"),
        ancestry=ZOE,
        cohort="?",
        hpo=("hp_0000664",),
        age=np.float32(4.5),
        face=np.int64(2),
        sex="unknown",
    )
    nfc = unicodedata.normalize("NFC", ZOE)
    assert row.record == PhotoRecord(
        photo=f"{nfc}.png",
        patient=nfc,
        disorders=(Disorder("OMIM:122470"),),
        genes=("KMT2D",),
        ancestry=nfc,
        hpo=("HP:0000664",),
        age=4.5,
        face=2,
    )


def test_an_age_that_is_no_number_is_not_known() -> None:
    row = checked(age=float("nan"))
    assert row.record == PhotoRecord("x.png", "P")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"sex": "F"}, "sex of a record cannot be 'F'"),
        ({"sex": 1}, "sex of a record cannot be 1"),
        ({"age": -1}, "'-1' is not an age"),
        ({"age": 400.0}, "is not an age"),
        ({"age": "4y"}, "age '4y' is not a number"),
        ({"age": True}, "is not a number"),
        ({"face": 0}, "number of a face"),
        ({"face": True}, "number of a face"),
        ({"patient": ""}, "patient is empty"),
        ({"patient": "NA"}, "the patient is not known"),
        ({"patient": 17}, "patient 17 is not text"),
        ({"patient": "a\x1bb"}, "not text"),
        ({"photo": " "}, "photo is empty"),
        ({"cohort": 3}, "cohort 3 is not text"),
        ({"disorders": ("OMIM:122470",)}, "disorders cannot be"),
        ({"disorders": Disorder("A")}, "disorders cannot be"),
        ({"disorders": (Disorder("OMIM:1"),)}, "not an OMIM identifier"),
        ({"disorders": (Disorder(122470),)}, "disorder 122470 is not text"),
        ({"genes": "NIPBL"}, "genes cannot be 'NIPBL'"),
        ({"genes": ("9-Sep",)}, "a spreadsheet has changed"),
        ({"hpo": ("HP:1",)}, "not an HPO term"),
        ({"hpo": None}, "hpo cannot be None"),
        ({"hpo": ("HP:0000664",), "hpo_absent": ("HP:0000664",)}, "both as present and as absent"),
    ],
)
def test_a_record_that_cannot_be_says_why(facts: dict[str, Any], told: str) -> None:
    row = checked(**facts)
    assert row.record is None
    assert isinstance(row.error, UsageError)
    assert told in row.error.message
    assert row.error.hint


@pytest.mark.parametrize(
    "facts",
    [
        {"patient": "x" * 1001},
        {"cohort": "x" * 1001},
        {"family": "x" * 1001},
        {"genes": ("x" * 1001,)},
        {"disorders": (Disorder("OMIM:122470", "x" * 1001),)},
    ],
)
def test_no_fact_is_longer_than_a_request_may_name(facts: dict[str, Any]) -> None:
    error = checked(**facts).error
    assert error is not None
    assert "1,000 characters" in error.message
    assert len(error.message) < 200
    assert checked(patient="x" * 1000).error is None


@pytest.mark.parametrize(
    ("column", "entry", "count"),
    [("hpo", "HP:{:07}", 200), ("genes", "GENE{}", 200), ("disorder", "OMIM:{:06}", 150)],
)
def test_a_list_in_a_cell_may_be_longer_than_a_name(column: str, entry: str, count: int) -> None:
    cell = ";".join(entry.format(100_001 + number) for number in range(count))
    record = make_record({column: cell}).record
    assert len(record.hpo or record.genes or record.disorders) == count
    with pytest.raises(UsageError, match=r"1,000 characters|not an HPO term"):
        make_record({column: "x" * 1001})


def test_a_row_with_an_error_stays_as_it_is() -> None:
    row = Intake("x.png", Path("x.png"), None, UsageError("no"))
    assert check_row(row) is row
