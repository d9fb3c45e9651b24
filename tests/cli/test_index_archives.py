from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Command


def test_a_gallery_goes_to_a_backup_and_into_a_new_home(
    filled: Path, gestalt: Command, tmp_path: Path
):
    done = gestalt("index", "backup", tmp_path / "backup", "--with-models", "--json")
    assert (done.code, done.document["backup"]["photos"]) == (0, 4), done.err
    again = gestalt("index", "backup", tmp_path / "backup")
    assert again.code == 1
    assert "there already" in again.err
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
    wrong = gestalt("index", "import", tmp_path, "--home", new, "--into")
    assert wrong.code == 1
    assert "manifest.json" in wrong.err
