"""`gestalt simulate readers` and `gestalt gaze design`, `power` and `study`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.documents.validation import assert_valid

SMALL = ("--readers", "3,3", "--faces", 8, "--seconds", 2, "--rate", 30, "--seed", 5)


@pytest.fixture(autouse=True)
def _in_tmp_path(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def readers(gestalt: Command) -> Path:
    """A small study of simulated readers."""
    cohort = ("--disorders", 2, "--patients", 6, "--controls", 6, "--photos-per-patient", 1)
    ancestries = ("--ancestry", "asian=0.5,white=0.5", "--seed", 3, "--quiet")
    assert gestalt("simulate", "cohort", "-o", "faces", *cohort, *ancestries).code == 0
    ran = gestalt("simulate", "readers", "faces", "-o", "readers", *SMALL, "--json")
    assert ran.code == 0, ran.err
    assert_valid(ran.document)
    assert ran.document["groups"] == [
        {"group": "Bonn", "readers": 3},
        {"group": "Taipei", "readers": 3},
    ]
    assert ran.document["trials"] == 48
    assert "None of them exist." in ran.err
    assert "Next: gestalt gaze study readers/measures.csv" in ran.err
    return Path("readers")


def test_faces_that_a_cohort_does_not_have(gestalt: Command) -> None:
    cohort = ("--disorders", 2, "--patients", 6, "--photos-per-patient", 1, "--seed", 3)
    assert gestalt("simulate", "cohort", "-o", "patients", *cohort, "--quiet").code == 0
    ran = gestalt("simulate", "readers", "patients", "-o", "readers", *SMALL)
    assert ran.code == 0, ran.err
    said = " ".join(ran.err.split())
    assert "6 simulated faces (6 of patients, 0 of controls)" in said
    assert "no more faces than these; --faces is 8" in said
    assert "All faces are of patients, since the cohort has no controls" in said
    # The faces have more than two ancestries, which a study compares two at a time.
    command = said.rpartition("Next: gestalt ")[2].split()
    assert command == ["gaze", "study", "readers/measures.csv", "--groups-only"]
    assert gestalt(*command, "--permutations", 99).code == 0


@pytest.mark.lengthy
def test_the_tables_of_a_study_fit_into_eighty_columns(
    gestalt: Command, readers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    measures = gestalt("gaze", "study", readers / "measures.csv", "--permutations", 99)
    ratings = gestalt("gaze", "study", "--ratings", readers / "ratings.csv")
    heads = [
        (measures, ["area", "measure", "effect", "estimate", "from", "to", "p", "p", "adj."]),
        (ratings, ["group", "ancestry", "kind", "value", "from", "to", "p", "readers"]),
    ]
    for ran, head in heads:
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        assert max(map(len, lines)) <= 80
        assert head in [line.split() for line in lines]


def test_faces_that_the_cohort_does_not_have_are_said(gestalt: Command) -> None:
    cohort = ("--disorders", 2, "--patients", 4, "--controls", 1, "--photos-per-patient", 1)
    assert gestalt("simulate", "cohort", "-o", "faces", *cohort, "--quiet").code == 0
    few = ("--readers", "2,2", "--seconds", 1, "--rate", 30)
    ran = gestalt("simulate", "readers", "faces", "-o", "one", *few, "--faces", 3)
    assert ran.code == 0
    assert "half of each" not in ran.err
    ran = gestalt("simulate", "readers", "faces", "-o", "two", *few, "--faces", 9)
    assert "no more faces than these; --faces is 9" in ran.err
    assert "(4 of patients, 1 of controls)" in ran.err
    assert "The cohort does not have half of each" in ran.err


@pytest.mark.parametrize(("option", "text"), [("--readers", "2.5,2"), ("--skill", "nan,1")])
def test_pairs_that_are_no_numbers_are_refused(gestalt: Command, option: str, text: str) -> None:
    ran = gestalt("simulate", "readers", "faces", "-o", "readers", option, text)
    assert ran.code == 2
    assert text in ran.err


@pytest.mark.lengthy
def test_a_study_compares_looks_and_ratings(gestalt: Command, readers: Path) -> None:
    words = (
        *("gaze", "study", readers / "measures.csv", "--ratings", readers / "ratings.csv"),
        *("--measure", "dwell_share", "--measure", "first_fixation", "--log", "first_fixation"),
        *("--permutations", 99),
    )
    ran = gestalt(*words, "--json")
    assert ran.code == 0, ran.err
    assert_valid(ran.document)
    measures, accuracy = ran.document["measures"], ran.document["accuracy"]
    assert measures["ancestries"] == ["asian", "white"]
    assert {one["effect"] for one in measures["effects"]} == {
        *("group", "ancestry", "group x ancestry")
    }
    assert {one["scale"] for one in measures["effects"]} == {"difference", "ratio"}
    assert accuracy["method"] == "delong"
    told = gestalt(*words)
    assert told.code == 0
    assert "dwell_share" in told.out
    assert "Bonn − Taipei" in told.out
    assert "Bonn 3 readers, Taipei 3 readers; 8 photos." in told.err


@pytest.mark.parametrize("name", ["effects", "means", "accuracy", "readers", "roc"])
def test_each_table_is_written(gestalt: Command, readers: Path, name: str) -> None:
    ran = gestalt(
        *("gaze", "study", readers / "measures.csv", "--ratings", readers / "ratings.csv"),
        *("--measure", "dwell_share", "--permutations", 99),
        *("--csv", f"{name}.csv", "--table", name, "--quiet"),
    )
    assert ran.code == 0, ran.err
    assert len(Path(f"{name}.csv").read_text("utf-8").splitlines()) > 2


def test_the_groups_only_are_compared_if_asked(gestalt: Command, readers: Path) -> None:
    ran = gestalt(
        *("gaze", "study", readers / "measures.csv", "--measure", "dwell_share"),
        *("--readers", readers / "readers.csv", "--groups-only", "--permutations", 99, "--json"),
    )
    assert ran.document["measures"]["ancestries"] == []
    assert {one["effect"] for one in ran.document["measures"]["effects"]} == {"group"}


def test_a_design_is_written(gestalt: Command, readers: Path) -> None:
    words = ("gaze", "design", "--readers", readers / "readers.csv")
    photos = ("--photos", readers / "photos.csv", "-o", "sheet.csv", "--conditions", "without,with")
    ran = gestalt(*words, *photos, "--json")
    assert ran.code == 0, ran.err
    assert_valid(ran.document)
    assert len(Path("sheet.csv").read_text("utf-8").splitlines()) == 1 + 6 * 8 * 2
    assert "12 sessions of 8 photos" in ran.err
    assert gestalt(*words, *photos).code == 1
    assert gestalt(*words, *photos, "--overwrite").code == 0


def test_agreement_stands_between_the_centre_bias_and_the_ceiling(gestalt: Command) -> None:
    rng = np.random.default_rng(1)
    marks = {"a.jpg": (30, 40), "b.jpg": (80, 40), "c.jpg": (56, 90)}
    lines = ["reader,medium,aligned_x,aligned_y"]
    for number in range(6):
        for photo, mark in marks.items():
            places = np.concatenate([rng.normal(mark, 4, (5, 2)), rng.normal(56, 4, (5, 2))])
            lines += [f"r{number},{photo},{x:.2f},{y:.2f}" for x, y in places]
    lines += ["r0,a.jpg,-5,4", "x,a.jpg,5,5"]
    Path("fixations.csv").write_text("\n".join(lines))
    groups = [f"r{number},{'AB'[number > 2]}" for number in range(6)]
    Path("readers.csv").write_text("\n".join(["reader,group", *groups]))
    Path("maps").mkdir()
    for photo, (x, y) in marks.items():
        down, across = np.indices((112, 112))
        np.save(f"maps/{photo[0]}.npy", np.exp(-((across - x) ** 2 + (down - y) ** 2) / 50))
    words = ("gaze", "compare", "fixations.csv", "--readers", "readers.csv", "--maps", "sees=maps")
    ran = gestalt(*words, "--json")
    assert ran.code == 0, ran.err
    assert_valid(ran.document)
    [of_a, _] = ran.document["groups"]
    nss = {one["candidate"]: one["nss"]["value"] for one in of_a["candidates"]}
    assert list(nss) == ["centre bias", "sees", "group B", "other readers", "ceiling"]
    assert nss["centre bias"] < nss["sees"]
    assert nss["centre bias"] < nss["group B"]
    assert {one["what"]: one["count"] for one in ran.document["left_out"]} == {
        "fixations off the face": 1,
        "readers without a group": 1,
    }
    told = gestalt(*words, "--csv", "table.csv")
    assert told.code == 0
    assert Path("table.csv").read_text("utf-8").startswith("group,candidate,nss,nss_low,nss_high")
    alone = gestalt("gaze", "compare", "fixations.csv", "--json")
    assert [one["group"] for one in alone.document["groups"]] == ["all"]
    for wrong, word in (
        (("--maps", "maps"), "names no folder"),
        (("--maps", "sees=maps", "--maps", "sees=."), "names sees twice"),
        (("--maps", "other=."), "no map of any photo"),
    ):
        ran = gestalt("gaze", "compare", "fixations.csv", *wrong)
        assert ran.code == 2
        assert word in ran.err
    Path("squares").mkdir()
    for photo, (x, y) in marks.items():
        squares = -np.ones((14, 14))
        squares[y // 8, x // 8] = 1
        document = {"document": "explanation", "line": {"cells": squares.tolist()}}
        Path(f"squares/{photo[0]}.json").write_text(json.dumps(document))
    ran = gestalt("gaze", "compare", "fixations.csv", "--maps", "squares=squares", "--json")
    found = {
        one["candidate"]: one["nss"]["value"] for one in ran.document["groups"][0]["candidates"]
    }
    assert found["squares"] > 1
    Path("squares/a.json").write_text("{}")
    ran = gestalt("gaze", "compare", "fixations.csv", "--maps", "squares=squares")
    assert "a.json is no map" in ran.err
    np.save("maps/a.npy", np.ones((50, 50)))
    assert "50 × 50 pixels" in gestalt(*words).err
    np.save("maps/a.npy", -np.ones((112, 112)))
    assert "a.npy is no map" in gestalt(*words).err
    Path("readers.csv").write_text("reader,group\nr0,A\nr1,B\nr2,B\nr3,B\nr4,B\nr5,B\n")
    ran = gestalt("gaze", "compare", "fixations.csv", "--readers", "readers.csv")
    assert "group A cannot be compared: one reader" in ran.err


def test_power_is_a_share_with_its_interval(gestalt: Command) -> None:
    words = ("gaze", "power", "--readers", "3,3", "--photos", "4,4", "--studies", 50)
    ran = gestalt(*words, "--difference", 30, "--json")
    assert_valid(ran.document)
    power = ran.document["power"]
    assert power["low"] < power["value"] < power["high"] or power["value"] == 1
    assert ran.document["plan"]["group"] == 30
    told = gestalt(*words, "--effect", "both", "--quiet")
    assert told.out.startswith("Power ")
    assert "3 + 3 readers, 8 photos, 50 simulated studies" in told.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("study",), "nothing to compare"),
        (("study", "none.csv"), "none.csv cannot be read"),
        (("study", "--ratings", "none.csv", "--covariance", "x"), "covariance 'x'"),
        (("study", "none.csv", "--csv", "a.csv", "--table", "roc"), "Unknown table 'roc'"),
        (("power", "--readers", "12"), "'12' are not two numbers"),
        (("power", "--readers", "2.5,3"), "not two counts"),
        (("power", "--readers", "1,12"), "fewer than two readers"),
        (("power", "--effect", "x"), "effect 'x'"),
    ],
)
def test_wrong_usage_is_refused(gestalt: Command, words: tuple[str, ...], told: str) -> None:
    ran = gestalt("gaze", *words)
    assert ran.code == 2
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_a_folder_that_is_no_cohort_has_no_readers(gestalt: Command, tmp_path: Path) -> None:
    ran = gestalt("simulate", "readers", tmp_path, "-o", "readers")
    assert ran.code == 2
    assert "not a simulated cohort" in ran.err
    ran = gestalt("simulate", "readers", tmp_path, "-o", "readers", "--groups", "A")
    assert ran.code == 2
    assert not Path("readers").exists()
