"""`gestalt index add` about photos that are there, and photos that look like another patient's."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gestalt_space.faces.alignment import TEMPLATE
from tests import made
from tests.cli.conftest import Command, Ran

ALIGNED = ("--detector", "aligned")
HEADER = "photo,patient,disorder,genes,sex,age\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table to be written; it is added with `add`."""
    return tmp_path / "t.csv"


def add(gestalt: Command, table: Path, text: str, *words: object) -> Ran:
    table.write_text(text, encoding="utf-8")
    return gestalt("index", "add", table, *ALIGNED, *words)


def test_a_corrected_row_is_refused_and_replaced_on_request(
    home: Path, photos: list[Path], table: Path, gestalt: Command
) -> None:
    add(gestalt, table, f"{HEADER}photos/p3.png,P3,OMIM:122470,NIPBL,,4\n")
    right = f"{HEADER}photos/p3.png,P3,OMIM:135900,ARID1B,female,5\n"
    refused = add(gestalt, table, right)
    assert refused.code == 3
    for difference in (
        *("disorder: OMIM:122470 → OMIM:135900", "gene: NIPBL → ARID1B", "age: 4y → 5y"),
        "--update",
    ):
        assert difference in refused.err
    assert "0 added, 0 already there, 1 failed" in refused.err
    report = table.with_name("report.csv")
    updated = add(gestalt, table, right, "--update", "--report", report)
    assert updated.code == 0
    assert "photos/p3.png (P3): updated." in updated.err
    assert "\n  disorder: OMIM:122470 → OMIM:135900\n" in updated.err
    assert "\n  added sex female\n" in updated.err
    assert "0 added, 0 already there, 1 updated, 0 failed" in updated.err
    (line,) = csv.DictReader(report.open(encoding="utf-8"))
    assert line["status"] == "updated"
    assert line["changes"].split("; ")[:1] == ["disorder: OMIM:122470 → OMIM:135900"]
    shown = gestalt("index", "show", "P3", "--json").document["patient"]
    assert [one["id"] for one in shown["disorders"]] == ["OMIM:135900"]
    assert (shown["genes"], shown["sex"], shown["photos"][0]["age"]) == (["ARID1B"], "female", 5.0)
    again = add(gestalt, table, right, "--update", "--json")
    assert again.document["counts"] == {"added": 0, "already": 1, "updated": 0, "failed": 0}


def test_what_was_added_to_a_known_photo_is_told(
    home: Path, photos: list[Path], table: Path, gestalt: Command
) -> None:
    add(gestalt, table, f"{HEADER}photos/p3.png,P3,,,,\n")
    ran = add(gestalt, table, f"{HEADER}photos/p3.png,P3,OMIM:122470,,,4\n", "--json")
    assert ran.code == 0
    (photo,) = ran.document["photos"]
    assert photo["status"] == "already"
    assert photo["changes"] == ["added disorder OMIM:122470", "added age 4y"]
    assert "photos/p3.png (P3): already there." in ran.err
    assert "\n  added disorder OMIM:122470\n" in ran.err


def test_a_cell_that_was_emptied_is_a_difference_only_where_no_row_fills_it(
    home: Path, photos: list[Path], table: Path, gestalt: Command
) -> None:
    filled = f"{HEADER}photos/p3.png,P3,OMIM:122470,NIPBL,male,\nphotos/p4.png,P3,,,,\n"
    assert add(gestalt, table, filled).code == 0
    assert add(gestalt, table, filled).code == 0
    assert add(gestalt, table, "photo,patient\nphotos/p3.png,P3\n").code == 0
    emptied = f"{HEADER}photos/p3.png,P3,OMIM:122470,NIPBL,,\nphotos/p4.png,P3,,,,\n"
    refused = add(gestalt, table, emptied)
    assert refused.code == 3
    assert refused.err.count("sex: male → (empty)") == 2
    updated = add(gestalt, table, emptied, "--update", "--json")
    assert [one["changes"] for one in updated.document["photos"]] == [["sex: male → (empty)"], []]
    shown = gestalt("index", "show", "P3", "--json").document["patient"]
    assert (shown["sex"], shown["genes"]) == (None, ["NIPBL"])


@pytest.mark.parametrize(
    ("option", "value", "difference"),
    [
        ("--disorder", "OMIM:122470", "disorder: OMIM:122470 → (empty)"),
        ("--gene", "NIPBL", "gene: NIPBL → (empty)"),
        ("--sex", "male", "sex: male → (empty)"),
        ("--age", "4y", "age: 4y → (empty)"),
        ("--hpo", "HP:0000664", "HPO: HP:0000664 → (empty)"),
        ("--hpo-absent", "HP:0000664", "HPO: !HP:0000664 → (empty)"),
        ("--family", "F1", "family: F1 → (empty)"),
        ("--site", "clinic A", "site: clinic A → (empty)"),
        ("--consent", "research", "consent: research → (empty)"),
    ],
)
def test_an_empty_option_takes_a_fact_away_with_update(
    option: str, value: str, difference: str, home: Path, photos: list[Path], gestalt: Command
) -> None:
    words = ("index", "add", photos[3], "--patient", "P3", *ALIGNED)
    gestalt(*words, option, value)
    assert gestalt(*words).code == 0
    refused = gestalt(*words, option, "")
    assert refused.code == 3
    assert difference in refused.err
    updated = gestalt(*words, option, "", "--update", "--json")
    assert updated.document["photos"][0]["changes"] == [difference]


def test_a_corrected_face_and_siblings_in_one_photo(
    home: Path, tmp_path: Path, gestalt: Command
) -> None:
    Image.fromarray(np.hstack([made.crop(1), made.crop(2)])).save(tmp_path / "two.png")
    header = ",".join(["photo", *(f"{axis}{n}" for n in range(1, 6) for axis in "xy")])
    faces = [TEMPLATE, TEMPLATE * 0.98 + np.array([112, 0])]
    points = [",".join(["two.png", *(f"{v:.3f}" for v in one.ravel())]) for one in faces]
    marks = tmp_path / "marks.csv"
    marks.write_text("\n".join([header, *points]) + "\n", encoding="utf-8")
    words = ("index", "add", tmp_path / "two.png", "--landmarks", marks, "--patient")
    gestalt(*words, "B", "--face", 1)
    refused = gestalt(*words, "B", "--face", 2)
    assert refused.code == 3
    assert "face: 1 of 2 (landmarks) → 2 of 2 (landmarks)" in refused.err
    assert gestalt(*words, "B", "--face", 2, "--update").code == 0
    assert gestalt(*words, "A", "--face", 2).code == 3
    assert gestalt(*words, "A", "--face", 1).code == 0
    name = gestalt("index", "show", "A", "--json").document["patient"]["photos"][0]["name"]
    both = gestalt("index", "remove", "--photo", name)
    assert both.code == 1
    assert "shows 2 patients of the gallery: B, A" in both.err
    assert "--of B" in both.err
    assert gestalt("index", "remove", "--of", "B").code == 2
    assert gestalt("index", "remove", "--photo", name, "--of", "A", "--of", "B").code == 0
    assert gestalt("index", "list", "--json").document["patients"] == []


def test_a_copy_of_another_patient_s_photo_is_told_where_it_is_added_and_matched(
    home: Path, photos: list[Path], tmp_path: Path, gestalt: Command
) -> None:
    gestalt("index", "add", photos[1], "--patient", "A", "--disorder", "X", *ALIGNED)
    Image.open(photos[1]).save(tmp_path / "again.jpg", quality=80)
    report = tmp_path / "report.csv"
    ran = gestalt(
        *("index", "add", tmp_path / "again.jpg", "--patient", "B", "--disorder", "Y"),
        *("--report", report, "--json", *ALIGNED),
    )
    assert ran.code == 0
    (photo,) = ran.document["photos"]
    assert photo["status"] == "added"
    assert {one["patient"] for one in photo["copies"]} == {"A"}
    (line,) = csv.DictReader(report.open(encoding="utf-8"))
    for told in (photo["notes"][0], line["notes"], ran.err):
        assert "of patient A" in told
        assert "Check whether they are the same patient." in told
    Image.open(photos[1]).save(tmp_path / "screen.jpg", quality=70)
    shown = gestalt("match", tmp_path / "screen.jpg", *ALIGNED)
    assert "this face may be of patient A" in shown.out
    assert "to exclude them: --without " in shown.out
    table = gestalt("match", tmp_path / "screen.jpg", "--csv", "-", *ALIGNED).out
    for row in csv.DictReader(table.splitlines()):
        assert sorted(row["copy_of"].split("; ")) == ["A", "B"]
    without = gestalt("match", tmp_path / "screen.jpg", "--without", "A", "--json", *ALIGNED)
    assert without.document["question"]["without"] == ["A"]
    (probe,) = without.document["probes"]
    assert [one["patient"] for one in probe["copies"]] == ["B"]
    assert [one["patient"] for one in probe["disorders"]] == ["B"]
    assert gestalt("match", tmp_path / "screen.jpg", "--without", "Z", *ALIGNED).code == 1
    for words in (("--explain", "X", "--json"), ("--format", "gestaltmatcher")):
        said = gestalt("match", tmp_path / "screen.jpg", *words, *ALIGNED)
        assert "may be of patient A" in said.err
        document = said.document
        if "--explain" in words:
            assert document["space"]["run"]["precision"] == "float32"
            assert document["space"]["gallery_runs"][0]["precision"] == "float32"
