"""`gestalt index erase`: asked for, done or remembered, and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.galleries import files_with

NAME = "PAT-2024-0017"


@pytest.fixture(autouse=True)
def _gallery(
    home: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(home.parent / "none"))
    for photo, patient in zip(photos, (NAME, "PAT-1999-0001"), strict=False):
        added = ("index", "add", photo, "--patient", patient, "--detector", "aligned")
        assert gestalt(*added).code == 0


def test_a_patient_is_erased_with_a_receipt(home: Path, tmp_path: Path, gestalt: Command) -> None:
    receipt = tmp_path / "receipt.json"
    ran = gestalt("index", "erase", "--patient", NAME, "--receipt", receipt, "--yes")
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert "Erased 1 patient with 1 photo." in ran.err
    assert "0 hits" in ran.err
    assert json.loads(receipt.read_text("utf-8"))["search"]["hits"] == 0
    assert files_with(home, NAME.encode()) == []
    listed = gestalt("index", "list", "--json").document["patients"]
    assert [patient["patient"] for patient in listed] == ["PAT-1999-0001"]
    again = gestalt("index", "erase", "--patient", NAME, "--receipt", tmp_path / "b.json", "--yes")
    assert again.code == 1
    assert "no trace" in again.err
    assert "There is no unfinished erasure" in gestalt("index", "erase", "--resume").err


def test_what_is_left_is_remembered_and_told(home: Path, tmp_path: Path, gestalt: Command) -> None:
    receipt = tmp_path / "receipt.json"
    (home / "notes.txt").write_text(f"{NAME} called")
    ran = gestalt("index", "erase", "--patient", NAME, "--receipt", receipt, "--yes", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "erasure_unfinished"
    assert "notes.txt" in ran.err
    assert not receipt.exists()
    verified = gestalt("index", "verify", "--json")
    assert verified.code == 1
    (finding,) = (f for f in verified.document["findings"] if f["subject"] == "erasures")
    assert finding["state"] == "fail"
    assert "--resume" in finding["hint"]
    (home / "notes.txt").unlink()
    resumed = gestalt("index", "erase", "--resume", "--json")
    assert resumed.code == 0
    (document,) = resumed.document["erased"]
    assert document == json.loads(receipt.read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Nothing to erase"),
        (("--patient", NAME, "--resume"), "Nothing to erase"),
        (("--patient", NAME), "needs a receipt"),
        (("--patient", NAME, "--receipt", "r.json"), "add --yes"),
        (("--patient", NAME, "--receipt", "r.txt", "--yes"), "does not end in .json"),
    ],
)
def test_it_is_not_begun_by_mistake(
    words: tuple[str, ...],
    told: str,
    home: Path,
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = gestalt("index", "erase", *words)
    assert ran.code == 2
    assert told in ran.err
    assert files_with(home, NAME.encode())
