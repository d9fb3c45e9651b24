from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gestalt_space.cohort.sub_blocks import Blocks
from gestalt_space.stats.estimates import Estimate
from tests import made
from tests.cli.conftest import Add, Command

QUICK = ("--permutations", 199)
COMPARED = (*QUICK, "--bootstrap", 100)


@pytest.fixture
def cohorts(add_once: Add, tmp_path: Path) -> Path:
    """A home with the cohorts north and south: in each three patients of each of two disorders, and
    in north two undiagnosed ones, of whom nothing is known."""
    rows = ["photo,patient,disorder,genes,sex,age,cohort"]
    number = 0
    for cohort in ("north", "south"):
        for disorder, gene in (("OMIM:122470", "NIPBL"), ("OMIM:147920", "KMT2D")):
            for sex in ("female", "male", "male"):
                photo = made.photo_file(tmp_path / f"p{number}.png", number)
                rows.append(f"{photo.name},Secret{number},{disorder},{gene},{sex},4y,{cohort}")
                number += 1
    for _ in range(2):
        photo = made.photo_file(tmp_path / f"p{number}.png", number)
        rows.append(f"{photo.name},Secret{number},,,,,north")
        number += 1
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return add_once("cohorts", table)


@pytest.mark.usefixtures("cohorts")
def test_cohesion_tells_its_figures_in_eighty_columns(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("cohort", "cohesion", "--gene", "NIPBL", *QUICK)
    assert ran.code == 0, ran.err
    assert "6 patients with 6 photos and 8 control families" in ran.out
    assert "percentile among random groups" in ran.out
    assert "p, one-sided" in ran.out
    assert "not a medical device" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.usefixtures("cohorts")
def test_cohesion_as_a_document_names_nobody(gestalt: Command):
    words = ("cohort", "cohesion", "--gene", "NIPBL", *QUICK, "--json")
    found = gestalt(*words)
    assert found.code == 0, found.err
    document = found.document
    assert document["version"] == 1
    assert document["cohesion"]["patients"] == 6
    assert 1 / 200 <= document["cohesion"]["p"] <= 1
    assert [point["size"] for point in document["cohesion"]["curve"]] == [2, 3, 4, 5, 6]
    assert "Secret" not in found.out
    assert gestalt(*words, "--seed", 0).document == document
    assert gestalt(*words, "--seed", 1).document != document


@pytest.mark.usefixtures("cohorts")
def test_matched_cohesion(gestalt: Command):
    words = ("cohort", "cohesion", "--disorder", "OMIM:122470", *QUICK, "--json")
    matched = gestalt(*words, "--match", "sex,age")
    assert matched.code == 0, matched.err
    assert matched.document["match"] == ["sex", "age"]
    assert matched.document["cohesion"]["controls"] == 6
    refused = gestalt("cohort", "cohesion", "--cohort", "north", "--match", "sex", *QUICK)
    assert refused.code == 2
    assert "For 2 of the 8 patients of the cohort, sex is not known" in refused.err


@pytest.mark.usefixtures("cohorts")
def test_cohorts_that_cannot_be_judged(gestalt: Command, tmp_path: Path):
    one = tmp_path / "one.txt"
    one.write_text("Secret0\n", encoding="utf-8")
    for words, code, message in (
        (("--patients", one), 2, "The cohort has only one patient."),
        (("--gene", "NOBODY1"), 1, "No patient with a descriptor has the gene NOBODY1."),
        ((), 2, "the gallery has only 0: too few families"),
        (("--gene", "NIPBL", "--match", "height"), 2, "Cannot match on 'height'"),
        (("--gene", "NIPBL", "--permutations", 5), 2, "too few for a p-value"),
    ):
        ran = gestalt("cohort", "cohesion", *words)
        assert (ran.code, ran.out) == (code, "")
        assert message in ran.err


@pytest.mark.usefixtures("cohorts")
def test_compare_tells_its_figures_in_eighty_columns(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt("cohort", "compare", "north", "south", *COMPARED)
    assert ran.code == 0, ran.err
    assert "A: cohort north\n  8 patients" in ran.out
    assert "Over 2 disorders" in ran.out
    assert "distance of mean faces" in ran.out
    assert "not tested: fewer than 3 disorders" in ran.out
    assert "2 disorders with too few permutations for a p-value" in ran.out
    assert "Probability that A and B have different disorders" in ran.out
    reason = "not given for OMIM:122470, OMIM:147920: the sites of some photos are not known"
    assert reason in " ".join(ran.out.split())
    lines = ran.out.splitlines()
    assert ["A", "own", "group"] in [line.split()[:3] for line in lines]
    assert max(map(len, lines)) <= 80
    for disorder in ("OMIM:122470", "OMIM:147920"):
        assert sum(line.strip().startswith(disorder) for line in lines) == 1


@pytest.mark.usefixtures("cohorts")
def test_compare_tells_the_probability_of_different_disorders(
    gestalt: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    told = Blocks(3, 3, 0.2, 3, 3, 0.4, Estimate(0.91, 0.8, 0.97), disorders=12)
    monkeypatch.setattr("gestalt_space.cohort.comparison.judge_blocks", lambda *_, **__: told)
    ran = gestalt("cohort", "compare", "north", "south", *COMPARED, "--prior", 0.2)
    assert "with a prior probability of 20 %" in ran.out
    assert ran.out.count("91 (80–97)") == 2
    assert "photographed like the patients of the gallery." in " ".join(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= 80
    assert gestalt("cohort", "compare", "north", "south", "--prior", 1).code == 2


@pytest.mark.lengthy
@pytest.mark.usefixtures("cohorts")
def test_compare_on_ray_gives_the_same(gestalt: Command, tmp_path: Path):
    pytest.importorskip("ray")
    words = ("cohort", "compare", "north", "south", *COMPARED, "--json")
    ran = gestalt(*words, "--engine", "ray", "--scratch", tmp_path)
    assert ran.code == 0, ran.err
    assert ran.document == gestalt(*words).document
    assert not list(tmp_path.glob("*.npy"))
    missing = gestalt(*words, "--engine", "ray", "--scratch", tmp_path / "no")
    assert (missing.code, "cannot be written" in missing.err) == (1, True)


@pytest.mark.usefixtures("cohorts")
def test_compare_as_a_document_and_a_table(gestalt: Command, tmp_path: Path):
    table = tmp_path / "found.csv"
    words = ("cohort", "compare", "--a-cohort", "north", "--b-cohort", "south", *COMPARED)
    ran = gestalt(*words, "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    assert document["version"] == 2
    table.touch()
    refused = gestalt(*words, "--csv", table)
    assert refused.code == 1
    assert "exists" in refused.err
    assert gestalt(*words, "--csv", table, "--overwrite").code == 0
    assert [group["patients"] for group in document["groups"]] == [8, 6]
    assert [group["units"] for group in document["groups"]] == [6, 6]
    assert [one["disorder"] for one in document["disorders"]] == ["OMIM:122470", "OMIM:147920"]
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(document["findings"])
    for row, one in zip(rows, document["findings"], strict=True):
        assert (row["subject"], row["estimand"]) == (one["subject"], one["estimand"])
        assert (row["p"] == "") == (one["p"] is None)
    first = document["findings"][0]
    assert (first["subject"], first["n"], first["unit"]) == ("all", 12, "families")
    assert 0 < first["p"] <= 1
    assert document["prior"] == 0.5
    for described in document["disorders"]:
        assert described["blocks"]["different"] == {"value": None, "low": None, "high": None}
        assert described["blocks"]["withheld"] != "", "too few other disorders"
    assert "Secret" not in ran.out + table.read_text(encoding="utf-8")

    assert "not end in .csv or .tsv" in gestalt(*words, "--csv", tmp_path / "x.txt").err
    assert "There is no folder" in gestalt(*words, "--csv", tmp_path / "no" / "x.csv").err
    assert "Unknown table 'x'" in gestalt(*words, "--csv", "-", "--table", "x").err
    assert gestalt(*words, "--table", "figures").code == 2


@pytest.mark.usefixtures("cohorts")
def test_compare_matches_groups(gestalt: Command):
    words = ("cohort", "compare", "north", "south", "--match", "sex", *COMPARED, "--json")
    document = gestalt(*words).document
    assert [group["patients"] for group in document["groups"]] == [6, 6]
    assert [group["unmatched"] for group in document["groups"]] == [2, 0]


@pytest.mark.usefixtures("cohorts")
def test_groups_that_cannot_be_compared(gestalt: Command):
    for words, code, message in (
        ((), 2, "Group A is missing."),
        (("north",), 2, "Choose two groups to compare."),
        (("north", "south", "--a-cohort", "north"), 2, "Choose two groups to compare."),
        (("--a-cohort", "north"), 2, "Group B is missing."),
        (("north", "west"), 1, "No patient with a descriptor has the cohort west."),
        (("--a-cohort", "north", "--b-gene", "NIPBL"), 2, "is in both groups, and 2 more."),
        (("--a-gene", "NIPBL", "--b-gene", "KMT2D"), 2, "No disorder has 2 families in each"),
        (
            ("north", "south", "--match", "ancestry"),
            2,
            "No patient of the first group has a known ancestry",
        ),
        (("north", "south", "--bootstrap", 3), 2, "too few for an interval"),
    ):
        ran = gestalt("cohort", "compare", *words)
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert message in ran.err
