from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command


def test_a_gallery_goes_to_a_backup_and_into_a_new_home(
    filled: Path, gestalt: Command, tmp_path: Path
):
    done = gestalt("index", "backup", tmp_path / "backup", "--with-models", "--json")
    assert (done.code, done.document["backup"]["photos"]) == (0, 4), done.err
    again = gestalt("index", "backup", tmp_path / "backup")
    assert again.code == 1
    assert "already exists" in again.err
    refused = gestalt("index", "restore", tmp_path / "backup")
    assert refused.code == 1
    assert "not empty" in refused.err
    new = tmp_path / "new"
    put_back = gestalt("index", "restore", tmp_path / "backup", "--home", new)
    assert put_back.code == 0, put_back.err
    assert "4 patients and 4 photos restored" in put_back.err
    listed = [gestalt("index", "list", "--json", "--home", home).document for home in (filled, new)]
    assert listed[0] == listed[1]


def test_an_export_is_imported_merged_and_its_conflicts_reported(
    filled: Path, gestalt: Command, tmp_path: Path
):
    del filled
    done = gestalt("index", "export", tmp_path / "export", "--cohort", "A", "--json")
    assert (done.code, done.document["export"]["patients"]) == (0, 2), done.err
    new = tmp_path / "new"
    taken = gestalt("index", "import", tmp_path / "export", "--home", new)
    assert taken.code == 0, taken.err
    assert "2 photos and 2 patients imported; 0 photos there already" in taken.err
    refused = gestalt("index", "import", tmp_path / "export", "--home", new)
    assert refused.code == 1
    assert "--into" in refused.err
    same = gestalt("index", "import", tmp_path / "export", "--home", new, "--into", "--json")
    assert same.document["imported"]["known_photos"] == 2
    report = tmp_path / "conflicts.csv"
    words = ("--into", "--prefix", "LAB-", "--report", report, "--home", new)
    other = gestalt("index", "import", tmp_path / "export", *words)
    assert other.code == 1
    assert len(report.read_text(encoding="utf-8").splitlines()) == 3
    assert "--report" not in other.err
    assert "leave out --prefix" in other.err
    wrong = gestalt("index", "import", tmp_path, "--home", new, "--into")
    assert wrong.code == 1
    assert "manifest.json" in wrong.err


def test_twenty_conflicts_are_shown_and_all_are_in_the_document_and_the_report(
    cohort: Path, gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gestalt_cli.index_exchange.SHOWN_CONFLICTS", 10)
    del cohort
    assert gestalt("index", "export", tmp_path / "export").code == 0
    words = ("index", "import", tmp_path / "export", "--into", "--prefix", "LAB-")
    shown = gestalt(*words)
    assert shown.code == 1
    assert shown.err.count("owner LAB-") == 10
    assert "10 of 12 shown; --report FILE.csv lists all." in shown.err
    report = tmp_path / "conflicts.csv"
    reported = gestalt(*words, "--report", report)
    assert f"10 of 12 shown; {report} lists all." in reported.err
    assert len(report.read_text(encoding="utf-8").splitlines()) == 13
    error = gestalt(*words, "--json").document["error"]
    assert len(error["conflicts"]) == 12
    assert set(error["conflicts"][0]) == {"kind", "patient", "photo", "reason"}


def test_an_export_of_a_patient_whose_consent_is_withdrawn_is_refused(
    filled: Path, gestalt: Command, tmp_path: Path
):
    del filled
    assert gestalt("index", "set", "P2", "--consent", "withdrawn").code == 0
    refused = gestalt("index", "export", tmp_path / "export", "--patient", "P2", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "consent_withdrawn")
    others = gestalt("index", "export", tmp_path / "export", "--cohort", "A")
    assert "left out" not in others.err
