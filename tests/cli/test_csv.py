"""Every table that a command prints can be had as CSV, and no cell of it is a formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from gestalt_space.tables.rows import RecordReader

from .conftest import Command

ALIGNED = ("--detector", "aligned")
COMMANDS = {
    ("index", "list"): ("patient", "P0"),
    ("index", "show", "P0"): ("photo", "photos/p0.png"),
    ("index", "stats"): ("what", "patients"),
    ("index", "log"): ("what", "add"),
    ("index", "spaces"): ("space", "tiny"),
    ("index", "homes"): ("this", "1"),
    ("index", "verify", "--sample", "0"): ("state", "ok"),
    ("models", "list"): ("model", "tiny"),
    ("models", "verify", "tiny"): ("state", "sound"),
    ("match", "--patient", "P0"): ("id", "ORPHA:199"),
    ("match", "--patient", "P0", "--explain", "ORPHA:199"): ("patient", "P2"),
    ("cohort", "matrix", "--unit", "patient"): ("", "P0"),
}


def rows_of(text: str, separator: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=separator))


def test_every_table_is_csv_on_standard_output_and_in_a_file(
    filled: Path, gestalt: Command, tmp_path: Path
) -> None:
    for number, (words, (column, value)) in enumerate(COMMANDS.items()):
        shown = gestalt(*words, "--csv", "-")
        assert shown.code == 0, shown.err
        assert value in {row[column] for row in rows_of(shown.out)}, words
        path = tmp_path / f"{number}.tsv"
        written = gestalt(*words, "--csv", path)
        assert (written.code, written.out) == (0, ""), written.err
        tabbed = path.read_text(encoding="utf-8")
        assert value in {row[column] for row in rows_of(tabbed, "\t")}, words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("index", "list", "--csv", "-", "--json"), "--json and --csv"),
        (("index", "list", "--csv", "list.txt"), "not end in .csv or .tsv"),
        (("index", "list", "--csv", "no/list.csv"), "There is no folder no."),
        (("index", "log", "--csv", "-", "--head"), "--csv cannot be combined"),
        (("cohort", "cluster", "--table", "pairs"), "Add --csv FILE"),
        (("cohort", "cluster", "--csv", "-", "--table", "patients"), "Unknown table 'patients'"),
        (("cohort", "matrix", "--csv", "-", "-o", "m.csv"), "Give -o or --csv."),
    ],
)
def test_a_wrong_place_of_a_table_is_told_before_any_work(
    words: tuple[str, ...],
    told: str,
    home: Path,
    gestalt: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = gestalt(*words)
    assert ran.code in (1, 2)
    assert told in ran.err


def test_a_file_that_is_there_is_kept(home: Path, gestalt: Command, tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("mine", encoding="utf-8")
    ran = gestalt("simulate", "terms", "--csv", path)
    assert ran.code == 1
    assert "Choose another path." in ran.err
    assert path.read_text(encoding="utf-8") == "mine"


def test_a_name_that_looks_like_a_formula_goes_out_and_comes_back(
    home: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    names = {"photos/p0.png": "=1+1", "photos/p1.png": "'=1+1", "photos/p2.png": "'t Hooft"}
    lines = ["photo,patient,cohort"]
    lines += ["photos/p0.png,P0,'=1+1", "photos/p1.png,P1,''=1+1", "photos/p2.png,P2,'t Hooft"]
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = tmp_path / "report.csv"
    added = gestalt("index", "add", table, *ALIGNED, "--report", report)
    assert added.code == 0, added.err
    listed = gestalt("index", "list", "--json").document["patients"]
    assert [one["cohort"] for one in listed] == list(names.values())
    text = gestalt("index", "list", "--csv", "-").out
    assert [row["cohort"] for row in rows_of(text)] == ["'=1+1", "''=1+1", "'t Hooft"]
    assert [row["cohort"] for row in RecordReader(io.StringIO(text))] == list(names.values())
    exported = gestalt("index", "export", tmp_path / "export")
    assert exported.code == 0, exported.err
    people = (tmp_path / "export" / "tables" / "people.csv").read_text(encoding="utf-8")
    assert [row["cohort"] for row in RecordReader(io.StringIO(people))] == list(names.values())
