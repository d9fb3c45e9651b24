from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.documents.validation import assert_valid
from tests.pages.parsed import Page

QUICK = ("--permutations", 99, "--bootstrap", 100)


def test_a_report_holds_all_and_names_nobody(cohort: Path, gestalt: Command, tmp_path: Path):
    folder = tmp_path / "report"
    ran = gestalt("cohort", "report", folder, *QUICK)
    assert ran.code == 0, ran.err
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert all(address.startswith("data:") for address in page.addresses)
    for heading in ("Similarity of all pairs", "Clusters", "Map", "Methods"):
        assert heading in page.text
    assert "Not included." in page.text
    written = {path.name for path in folder.iterdir()}
    assert written >= {"report.html", "report.json", "clusters.csv", "disorders.csv", "pairs.csv"}
    assert not any(b"Q00" in path.read_bytes() for path in folder.iterdir())
    document = json.loads((folder / "report.json").read_text("utf-8"))
    assert_valid(document, "report")
    assert document["clusters"]["patients"] == 12


def test_patients_and_faces_are_shown_when_asked(cohort: Path, gestalt: Command, tmp_path: Path):
    folder = tmp_path / "report"
    ran = gestalt("cohort", "report", folder, "--show-patients", "--show-faces", *QUICK)
    assert ran.code == 0, ran.err
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert "Q00" in page.text
    assert next(one["alt"] for one in page.of("img")) == "Average face of all patients"
    assert (folder / "patients.csv").exists()


def test_what_is_there_is_kept(cohort: Path, gestalt: Command, tmp_path: Path):
    folder = tmp_path / "report"
    assert gestalt("cohort", "report", folder, "--quiet", *QUICK).code == 0
    before = (folder / "report.html").read_bytes()
    assert gestalt("cohort", "report", folder, *QUICK).code == 1
    assert (folder / "report.html").read_bytes() == before
    assert gestalt("cohort", "report", folder, "--overwrite", *QUICK).code == 0
    other = tmp_path / "twelve"
    refused = gestalt("cohort", "report", other, "--overwrite", *QUICK)
    assert refused.code == 1
    assert "which does not belong to a report" in refused.err
    (folder / "chapter.tex").write_text("mine")
    refused = gestalt("cohort", "report", folder, "--overwrite", *QUICK)
    assert refused.code == 1
    assert "holds chapter.tex, which does not belong to a report" in refused.err
    assert (folder / "chapter.tex").read_text() == "mine"


@pytest.mark.parametrize("words", [("--gene", "NONE1"), ("--permutations", 3), ("--bootstrap", 3)])
def test_bad_input_leaves_no_folder(
    cohort: Path, gestalt: Command, tmp_path: Path, words: tuple[object, ...]
):
    folder = tmp_path / "report"
    ran = gestalt("cohort", "report", folder, *words)
    assert ran.code in (1, 2)
    assert not folder.exists()
