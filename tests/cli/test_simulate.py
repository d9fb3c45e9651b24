"""`gestalt simulate`: a cohort that the gallery takes, one JSON document, and refusals."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from gestalt_space.simulate.phenotypes import TERMS
from gestalt_space.simulate.real_faces import RealFace
from tests.cli.conftest import Command, Ran
from tests.documents.validation import assert_valid
from tests.simulate.faces import cartoon
from tests.simulate.published import case, write_faces_release, write_packets

SMALL = ("--disorders", 2, "--patients", 5, "--controls", 1, "--seed", 3)


@pytest.fixture(autouse=True)
def _in_tmp_path(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cartoons(monkeypatch: pytest.MonkeyPatch) -> list[RealFace]:
    """Eight real faces, in the place of what a detector finds."""
    faces = [RealFace(f"{seed}.png", *cartoon(seed)) for seed in range(8)]
    monkeypatch.setattr(
        "gestalt_space.simulate.real_faces.read_faces", lambda *_, **__: iter(faces)
    )
    return faces


def refused(ran: Ran, code: int, *words: str) -> None:
    """One message with a hint, and no traceback."""
    assert ran.code == code, ran.err
    told, hint = ran.err.splitlines()[-2:]
    assert told.startswith("Error: ")
    assert hint.startswith("  ")
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def test_a_cohort_is_written_and_the_gallery_takes_it(gestalt: Command, tmp_path: Path) -> None:
    ran = gestalt("simulate", "cohort", "-o", "my cohort", *SMALL)
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert "of 5 patients with 2 disorders (0 frequent) and 1 control to" in ran.err
    assert "These people do not exist." in ran.err
    assert "Next: gestalt index add 'my cohort/patients.csv'" in ran.err
    folder = tmp_path / "my cohort"
    assert left(folder) == ["gmdb", "patients.csv", "photos", "truth.json"]
    assert left(tmp_path) == ["my cohort"]
    added = gestalt("index", "add", folder / "patients.csv", "--detector", "builtin")
    assert added.code == 0, added.err


def test_json_is_one_document(gestalt: Command) -> None:
    ran = gestalt("simulate", "cohort", "-o", "cohort", *SMALL, "--json", "--quiet")
    assert ran.code == 0
    assert ran.err == ""
    document = ran.document
    photos = len(list(Path("cohort", "photos").iterdir()))
    assert document == {
        "document": "simulated",
        "version": 1,
        "output": "cohort",
        "counts": {
            "disorders": 2,
            "frequent": 0,
            "patients": 5,
            "controls": 1,
            "photos": photos,
        },
    }


def test_shares_and_terms_reach_the_plan(gestalt: Command, tmp_path: Path) -> None:
    terms = list(TERMS)[::5]
    words = (
        *("--sex", "female=1", "--age", "3-9=2, 10-19=2", "--ancestry", "asian=.5"),
        *("--terms", ", ".join(terms), "--difficulty", "textbook", "--photos-per-patient", 2),
    )
    assert gestalt("simulate", "cohort", "-o", "cohort", *SMALL, *words).code == 0
    plan = json.loads((tmp_path / "cohort" / "truth.json").read_text())["plan"]
    assert plan["sexes"] == {"female": 1.0}
    assert plan["ages"] == {"3-9": 2.0, "10-19": 2.0}
    assert plan["ancestries"] == {"asian": 0.5}
    assert plan["terms"] == terms
    assert (plan["difficulty"], plan["photos_per_patient"], plan["seed"]) == ("textbook", 2, 3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--disorders", 0), "--disorders"),
        (("--photos-per-patient", "nan"), "--photos-per-patient"),
        (("--seed", -1), "--seed"),
        (("--seed", 10**30), "seed"),
        (("--patients", 500), "500 patients"),
        (("--controls", 10**6), "people"),
        (("--difficulty", "hard"), "clinical"),
        (("--sex", ""), "--sex ''"),
        (("--sex", "female"), "NAME=SHARE"),
        (("--sex", "female=1,female=0"), "twice"),
        (("--sex", "female=nan"), "nan"),
        (("--ancestry", "\x1b[31m=1"), "ancestry"),
        (("--age", "0-2=0"), "all 0"),
        (("--terms", ""), "simulate terms"),
        (("--terms", "HP:0000316,HP:0000343"), "--terms"),
        (("--persons", "none"), "not a folder or zip file"),
    ],
)
def test_wrong_usage_is_one_message(
    words: Sequence[object], told: str, gestalt: Command, tmp_path: Path
) -> None:
    ran = gestalt("simulate", "cohort", "-o", "cohort", *SMALL, *words, "--json")
    refused(ran, 2, told)
    assert ran.document["error"]["code"] == "usage"
    assert left(tmp_path) == []


def test_a_file_that_is_no_model_of_persons_is_refused(gestalt: Command, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_text("x")
    ran = gestalt("simulate", "cohort", "-o", "cohort", *SMALL, "--persons", "x.safetensors")
    refused(ran, 1, "fit-persons")
    assert left(tmp_path) == ["x.safetensors"]


def test_a_second_time_needs_overwrite(gestalt: Command, tmp_path: Path) -> None:
    assert gestalt("simulate", "cohort", "-o", "cohort", *SMALL).code == 0
    refused(gestalt("simulate", "cohort", "-o", "cohort", *SMALL), 1, "--overwrite")
    (tmp_path / "cohort" / "notes").write_text("mine")
    refused(gestalt("simulate", "cohort", "-o", "cohort", *SMALL, "--overwrite"), 1, "notes")
    (tmp_path / "cohort" / "notes").unlink()
    assert gestalt("simulate", "cohort", "-o", "cohort", *SMALL, "--overwrite").code == 0
    refused(
        gestalt("simulate", "cohort", "-o", ".", *SMALL, "--overwrite"), 2, "the current folder"
    )


def test_the_place_is_looked_at_before_the_photos(
    gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("gestalt_space.simulate.real_faces.read_faces")
    (tmp_path / "mine").write_text("mine")
    refused(
        gestalt("simulate", "cohort", "-o", "mine", *SMALL, "--persons", "."), 1, "is not a cohort"
    )


def test_an_interruption_says_that_nothing_stays(
    gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gestalt_space.simulate.cohort_files._write_truth", stop)
    ran = gestalt("simulate", "cohort", "-o", "cohort", *SMALL)
    refused(ran, 130, "cohort is unchanged")
    assert left(tmp_path) == []


@pytest.mark.usefixtures("cartoons")
def test_real_faces_are_called_real(gestalt: Command) -> None:
    ran = gestalt("simulate", "cohort", "-o", "cohort", *SMALL, "--persons", "photos")
    assert ran.code == 0, ran.err
    assert "real people" in ran.err
    assert "These people do not exist" not in ran.err


@pytest.mark.usefixtures("cartoons")
def test_more_people_than_real_faces_are_refused(gestalt: Command, tmp_path: Path) -> None:
    words = ("--disorders", 2, "--patients", 9, "--persons", "photos")
    refused(gestalt("simulate", "cohort", "-o", "cohort", *words), 2, "fewer faces")
    assert left(tmp_path) == []


@pytest.mark.usefixtures("cartoons")
def test_too_few_faces_for_persons_are_refused(gestalt: Command, tmp_path: Path) -> None:
    refused(gestalt("simulate", "fit-persons", "photos", "-o", "p.safetensors"), 2, "at least 50")
    assert left(tmp_path) == []


def test_photos_without_a_face_are_refused(gestalt: Command, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (120, 120)).save(tmp_path / "photos" / "black.png")
    words = ("photos", "-o", "p.safetensors", "--detector", "builtin")
    refused(gestalt("simulate", "fit-persons", *words), 2, "no face")
    assert left(tmp_path) == ["photos"]


@pytest.mark.parametrize(
    ("place", "code"), [("p.bin", 2), ("none/p.safetensors", 1), ("mine.safetensors", 1)]
)
def test_a_place_that_persons_cannot_be_written_to_is_refused_first(
    place: str, code: int, gestalt: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.safetensors").write_text("mine")
    refused(gestalt("simulate", "fit-persons", "none", "-o", place), code)
    assert (tmp_path / "mine.safetensors").read_text() == "mine"


def test_terms_fit_in_80_columns(gestalt: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("simulate", "terms")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 80
    for term in TERMS.values():
        assert f"{term.id}  {term.label}" in ran.out


def test_terms_for_programs(gestalt: Command) -> None:
    document = gestalt("simulate", "terms", "--json").document
    rows = list(csv.DictReader(io.StringIO(gestalt("simulate", "terms", "--csv", "-").out)))
    assert document == {"document": "terms", "version": 1, "terms": rows}
    assert [row["term"] for row in rows] == list(TERMS)


def test_sites_families_and_wrong_diagnoses_reach_the_tables(gestalt: Command) -> None:
    ran = gestalt(
        *("simulate", "cohort", "-o", "cohort", "--disorders", 3, "--patients", 30, "--even"),
        *("--sites", "Bonn, Taipei", "--cohorts", "a,b", "--cohorts-by-site"),
        *("--families", 1, "--kinship", 0.7, "--wrong", 0.3, "--site-strength", 0.5),
        *("--sites-by-disorder", 0.5, "--photos-dispersion", 1),
    )
    assert ran.code == 0, ran.err
    assert "Sites: 2. Families: 15. Wrong diagnoses: " in ran.err
    table = list(csv.DictReader(io.StringIO(Path("cohort/patients.csv").read_text("utf-8"))))
    assert {(row["site"], row["cohort"]) for row in table} == {("Bonn", "a"), ("Taipei", "b")}
    assert len({row["family"] for row in table}) == 15
    plan = json.loads(Path("cohort/truth.json").read_text("utf-8"))["plan"]
    assert plan["study"] == {
        "sites": ["Bonn", "Taipei"],
        "site_strength": 0.5,
        "sites_by_disorder": 0.5,
        "cohorts_by_site": True,
        "families": 1.0,
        "kinship": 0.7,
        "wrong": 0.3,
        "photos_dispersion": 1.0,
    }


def test_sites_can_be_a_number(gestalt: Command) -> None:
    words = ("simulate", "cohort", "-o", "cohort", *SMALL, "--sites")
    refused(gestalt(*words, 0), 2, "not a valid number of sites")
    refused(gestalt(*words, 7), 2, "7 sites are too many for 6 people")
    assert gestalt(*words, 2).code == 0
    table = csv.DictReader(io.StringIO(Path("cohort/patients.csv").read_text("utf-8")))
    assert {row["site"] for row in table} == {"site-1", "site-2"}


@pytest.mark.parametrize("option", ["--families", "--wrong", "--kinship", "--sites-by-disorder"])
def test_a_share_beyond_1_is_refused(gestalt: Command, tmp_path: Path, option: str) -> None:
    ran = gestalt("simulate", "cohort", "-o", "cohort", *SMALL, option, 1.2)
    assert ran.code == 2
    assert option in ran.err
    assert left(tmp_path) == []


@pytest.fixture
def faces_release(tmp_path: Path) -> tuple[str, ...]:
    return "--hpo-release", str(write_faces_release(tmp_path / "home" / "hpo"))


def test_published_cases_get_simulated_faces(
    gestalt: Command, tmp_path: Path, faces_release: tuple[str, ...]
) -> None:
    records = [case(f"C{number}") for number in range(3)]
    few = case("F", present=("HP:0000316", "HP:0000218"))
    write_packets(tmp_path / "packets", *records, few, {"id": "old", "genes": [1]})
    words = ("-o", "cohort", "--phenopackets", "packets", *faces_release)
    ran = gestalt("simulate", "cohort", *words, "--patients", 2, "--json")
    assert ran.code == 0, ran.err
    assert "simulated face of a published case" in ran.err
    assert "Read 5 phenopackets, of which 3 can be used." in ran.err
    assert "1 with fewer than 2 facial terms" in ran.err
    assert "version 1" in ran.err
    assert "High palate (1)" in ran.err
    document = ran.document
    assert_valid(document)
    assert document["counts"]["patients"] == document["counts"]["photos"] == 2
    told = document["published"]
    assert (told["read"], told["usable"], told["too_few_terms"]) == (5, 3, 1)
    assert [one["file"] for one in told["failed"]] == ["4"]
    more = gestalt("simulate", "cohort", *words, "--min-terms", 1, "--overwrite", "--json")
    assert more.document["published"]["usable"] == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--phenopackets", "nothing"), "no file or folder"),
        (("--phenopackets", "packets", "--terms", "HP:0000316"), "--terms and --phenopackets"),
        (("--phenopackets", "packets", "--min-terms", 3), "None of 1 phenopacket"),
        (("--phenopackets", "packets", "--patients", 2), "1 case can"),
        (("--phenopackets", "packets", "--disorders", 2), "1 disorder, not 2"),
    ],
)
def test_published_cases_that_cannot_be_are_one_message(
    words: Sequence[object],
    told: str,
    gestalt: Command,
    tmp_path: Path,
    faces_release: tuple[str, ...],
) -> None:
    write_packets(tmp_path / "packets", case())
    refused(gestalt("simulate", "cohort", "-o", "cohort", *words, *faces_release), 2, told)
    assert left(tmp_path) == ["packets"]
