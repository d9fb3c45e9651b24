from __future__ import annotations

from pathlib import Path

import pytest

from tests import made
from tests.cli.conftest import Add, Command
from tests.pages.parsed import Page

TOPS = {"1", "5", "10", "30"}


@pytest.fixture
def shared_disorders(add_once: Add, tmp_path: Path) -> Path:
    """Twelve patients, three of each of three disorders, one alone with its own, two controls."""
    rows = ["photo,patient,disorder,sex,age,ancestry,cohort"]
    disorders = [f"OMIM:10000{number // 3}" for number in range(9)] + ["OMIM:100009", "", ""]
    for number, disorder in enumerate(disorders):
        made.photo_file(tmp_path / f"{number}.png", number)
        cohort = "healthy" if not disorder else "A"
        rows.append(f"{number}.png,P{number:02d},{disorder},female,4y,European,{cohort}")
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return add_once("shared_disorders", table)


def evaluate(gestalt: Command, *words: object):
    return gestalt("evaluate", "gallery", "--bootstrap", 100, *words)


def test_tables_for_people_fit_80_columns(
    shared_disorders: Path, gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = evaluate(gestalt, "--controls", "healthy")
    assert ran.code == 0, ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    for words in (
        "9 patients with 9 photos left out in turn",
        "OMIM:100009",
        "mean over disorders",
        "against 2 controls",
        "ancestry: European",
        "9 ",
        "patient-mean",
        "not a medical device",
    ):
        assert words in ran.out
    assert "P0" not in ran.out


def test_the_document(shared_disorders: Path, gestalt: Command) -> None:
    ran = evaluate(gestalt, "--json", "--quiet", "--aggregation", "blend", "--seed", 4)
    assert ran.code == 0
    assert ran.err == ""
    document = ran.document
    assert document["version"] == 2
    assert document["interval"]["seed"] == 4
    space = document["spaces"][0]
    assert space["name"] == "tiny"
    assert space["not_tested"] == [{"id": "OMIM:100009", "name": "", "patients": 1}]
    assert list(space["aggregations"]) == ["blend"]
    assert set(space["aggregations"]["blend"]["images"]["top"]) == TOPS
    assert space["aggregations"]["blend"]["patient_control"] is None
    assert "P00" not in ran.out


def test_patients_are_named_when_asked_for(shared_disorders: Path, gestalt: Command) -> None:
    ran = evaluate(gestalt, "--json", "--with-patients")
    assert [case["patient"] for case in ran.document["spaces"][0]["cases"]] == [
        f"P{number:02d}" for number in range(9)
    ]
    assert evaluate(gestalt, "--with-patients").code == 2


def test_the_page(shared_disorders: Path, gestalt: Command, tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    assert evaluate(gestalt, "-o", place, "--controls", "healthy").code == 0
    page = Page(place.read_text(encoding="utf-8"))
    assert page.open == []
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert "P0" not in page.text
    again = evaluate(gestalt, "-o", place)
    assert again.code == 1
    assert "exists" in again.err
    assert evaluate(gestalt, "-o", place, "--overwrite").code == 0
    assert evaluate(gestalt, "-o", tmp_path / "page.txt").code == 2
    assert evaluate(gestalt, "-o", tmp_path / "none" / "page.html").code == 1


def test_the_figures(shared_disorders: Path, gestalt: Command, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    ran = evaluate(gestalt, "--aggregation", "nearest", "--figures", folder)
    assert ran.code == 0, ran.err
    names = {"accuracy", "groups-top-1", "groups-top-10", "roc-disorders", "confusion", "scores"}
    assert {path.name for path in folder.iterdir()} == {
        f"{name}{ending}" for name in names for ending in (".pdf", ".png")
    }
    again = evaluate(gestalt, "--figures", folder)
    assert again.code == 1
    assert "--overwrite" in again.err


def test_a_split(shared_disorders: Path, gestalt: Command, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("patient,part\nP00,test\nP01,gallery\nP03,gallery\n", encoding="utf-8")
    document = evaluate(gestalt, "--json", "--split", split).document
    assert document["protocol"] == "split"
    assert document["split"] == "split.csv"
    counts = document["spaces"][0]["counts"]
    assert (counts["asked_patients"], counts["evidence_patients"], counts["aside"]) == (1, 2, 7)
    split.write_text("patient,part\nP00,test\nP77,gallery\n", encoding="utf-8")
    ran = evaluate(gestalt, "--split", split)
    assert ran.code == 2
    assert "split.csv, line 3, column patient" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--bootstrap", "99"], 2, "too few for an interval"),
        (["--bootstrap", "100000000000"], 2, "too many"),
        (["--by", "patient"], 2, "Use --by disorder or --by gene"),
        (["--by", "gene"], 1, "no patient with a gene"),
        (["--aggregation", "best"], 2, "Unknown aggregation 'best'"),
        (["--controls", "none"], 2, "has no control"),
        (["--controls", "A"], 2, "all its 10 patients are diagnosed"),
        (["--space", "tiny", "--space", "tiny"], 2, "given twice"),
        (["--space", "nothing"], 1, "nothing"),
    ],
)
def test_what_cannot_be_asked_is_said(
    shared_disorders: Path, gestalt: Command, words: list[str], code: int, message: str
) -> None:
    ran = gestalt("evaluate", "gallery", *words)
    assert ran.code == code
    assert message in ran.err


def test_an_empty_gallery(home: Path, gestalt: Command) -> None:
    ran = evaluate(gestalt, "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "gallery_missing"


def test_no_disorder_with_two_patients(home: Path, gestalt: Command, tmp_path: Path) -> None:
    photo = made.photo_file(tmp_path / "one.png", 1)
    words = ("--patient", "P1", "--disorder", "OMIM:100001", "--detector", "aligned")
    assert gestalt("index", "add", photo, *words).code == 0
    ran = evaluate(gestalt)
    assert ran.code == 1
    assert "No disorder of the gallery has patients of two families" in ran.err
