from __future__ import annotations

from pathlib import Path

import pytest

from tests import made
from tests.cli.conftest import Add, Command
from tests.phenotype.made import write_release

ASK = ("train", "recognisable", "--disorder", "OMIM:122470", "--permutations", 99)


@pytest.fixture
def patients(add_once: Add, tmp_path: Path) -> Path:
    """A home with eight patients of a disorder, of whom two are siblings and one is of unknown age,
    and eleven others, of whom one is the siblings' sister."""
    rows = ["photo,patient,disorder,disorder_name,sex,age,family"]
    for number in range(19):
        photo = made.photo_file(tmp_path / f"p{number}.png", number)
        disorder = "OMIM:122470" if number < 8 else "OMIM:147920" if number < 12 else ""
        name = {"OMIM:122470": "CdLS 1", "OMIM:147920": "Kabuki 1"}.get(disorder, "")
        family = "F1" if number in (0, 1, 18) else ""
        age = "" if number == 7 else "4y"
        rows.append(f"{photo.name},Secret{number},{disorder},{name},female,{age},{family}")
    table = tmp_path / "patients.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return add_once("recognisable", table)


@pytest.mark.usefixtures("patients")
def test_the_figures_fit_into_eighty_columns(gestalt: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt(*ASK)
    assert ran.code == 0, ran.err
    assert "7 patients of 6 families and 6 controls, matched on sex and age" in ran.out
    assert "1 patient left out: sex or age is not known" in ran.out
    assert "1 relative of the patients not used as controls" in ran.out
    for told in ("AUROC", "Brier score", "p, one-sided", "logistic regression, 6-fold"):
        assert told in ran.out
    assert "not a medical device" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.fixture
def with_terms(patients: Path, gestalt: Command, tmp_path: Path) -> Path:
    """A release of HPO, whose terms most have: the patients a wide nose and no short arm, others a
    short arm."""
    nose, arm = ("--hpo", "HP:0000011", "--hpo-absent", "HP:0000020"), ("--hpo", "HP:0000020")
    for number in range(18):
        terms = nose if number < 8 else arm
        assert gestalt("index", "set", f"Secret{number}", *terms).code == 0
    return write_release(tmp_path / "release")


def test_face_and_terms_fit_into_eighty_columns(
    gestalt: Command, with_terms: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    ran = gestalt(*ASK, "--by", "both", "--hpo-release", with_terms)
    assert ran.code == 0, ran.err
    for told in ("face", "terms", "both", "Wide nose", "100 %", "HPO 2025-01-16", "1.0 terms of"):
        assert told in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_the_document_and_tables_have_the_terms(gestalt: Command, with_terms: Path):
    ask = (*ASK, "--by", "both", "--hpo-release", with_terms)
    document = gestalt(*ask, "--json").document
    found = document["recognisable"]
    assert [one["by"] for one in (*found["alone"], found)] == ["face", "terms", "both"]
    shares = {one["id"]: (one["patients"], one["controls"]) for one in found["terms"]["shares"]}
    assert shares["HP:0000011"] == (1, 0)
    assert shares["HP:0000020"] == (0, 1), "an absent term is none"
    assert found["terms"]["release"] == "2025-01-16"
    figures = gestalt(*ask, "--csv", "-").out.splitlines()
    assert [line.split(",")[9] for line in figures] == ["by", "face", "terms", "both"]
    shares = gestalt(*ask, "--csv", "-", "--table", "terms").out.splitlines()
    assert shares[0] == "id,name,patients,controls,difference,p,q"
    assert len(shares) == 1 + len(found["terms"]["shares"])


@pytest.mark.usefixtures("patients")
def test_terms_need_an_ontology_and_patients_who_have_some(
    gestalt: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    release = write_release(tmp_path / "release")
    ran = gestalt(*ASK, "--by", "terms", "--hpo-release", release)
    assert (ran.code, ran.out) == (2, "")
    assert "no patients with HPO terms" in ran.err
    assert "neither face, terms nor both" in gestalt(*ASK, "--by", "ears").err
    monkeypatch.setattr("gestalt_space.phenotype.release._installed_folder", lambda: None)
    ran = gestalt(*ASK, "--by", "terms")
    assert (ran.code, ran.out) == (1, "")
    assert "gestalt-space[phenotype]" in ran.err


@pytest.mark.usefixtures("patients")
def test_a_disorder_may_be_given_by_name(gestalt: Command):
    named = [word if word != "OMIM:122470" else "cdls" for word in ASK]
    assert gestalt(*named, "--json").document == gestalt(*ASK, "--json").document
    listed = gestalt("index", "list", "--disorder", "CDLS 1", "--json").document["patients"]
    assert len(listed) == 8
    several = gestalt("index", "list", "--disorder", "1")
    assert several.code == 2
    assert "OMIM:122470 (CdLS 1), OMIM:147920 (Kabuki 1)" in several.err


@pytest.mark.usefixtures("patients")
def test_the_document_names_nobody_and_is_that_of_the_seed(gestalt: Command):
    ran = gestalt(*ASK, "--json")
    assert ran.code == 0, ran.err
    document = ran.document
    assert (document["document"], document["match"]) == ("recognisable", ["sex", "age"])
    found = document["recognisable"]
    assert found["patients"] == {"patients": 7, "units": 6, "photos": 7}
    assert (found["unknown"], found["unmatched"], found["relatives"]) == (1, 0, 1)
    assert 1 / 100 <= found["p"] <= 1
    assert found["auroc"]["low"] <= found["auroc"]["value"] <= found["auroc"]["high"]
    assert "Secret" not in ran.out
    assert gestalt(*ASK, "--json", "--seed", 0).document == document
    assert gestalt(*ASK, "--json", "--seed", 1).document != document


@pytest.mark.usefixtures("patients")
def test_whose_consent_is_withdrawn_is_neither_patient_nor_control(gestalt: Command):
    anybody = (*ASK, "--match", "none", "--json", "--with-family")
    before = gestalt(*anybody).document["recognisable"]
    assert (before["patients"]["patients"], before["controls"]["patients"]) == (8, 8)
    for patient in ("Secret2", *(f"Secret{number}" for number in range(8, 13))):
        assert gestalt("index", "set", patient, "--consent", "withdrawn").code == 0
    after = gestalt(*anybody).document["recognisable"]
    assert (after["patients"]["patients"], after["controls"]["patients"]) == (6, 6)
    assert after["unmatched"] == 1


@pytest.mark.usefixtures("patients")
def test_the_table_is_a_row(gestalt: Command):
    ran = gestalt(*ASK, "--csv", "-")
    assert ran.code == 0, ran.err
    names, row = (line.split(",") for line in ran.out.splitlines())
    told = dict(zip(names, row, strict=True))
    assert (told["patients"], told["families"], told["controls"]) == ("7", "6", "6")
    assert told["classifier"] == "logistic regression"


@pytest.mark.usefixtures("patients")
def test_what_cannot_be_asked(gestalt: Command):
    for words, code, message in (
        (("train", "recognisable"), 2, "No disorder is given."),
        (("train", "recognisable", "--disorder", "OMIM:194050"), 1, "No patient"),
        ((*ASK, "--match", "height"), 2, "Cannot match on 'height'"),
        ((*ASK, "--match", "ancestry"), 2, "has a known ancestry"),
        ((*ASK, "--controls", 12), 2, "enough controls with the same sex and age"),
        ((*ASK, "--permutations", 5), 2, "too few for a p-value"),
        (
            ("train", "recognisable", "--disorder", "OMIM:147920", "--controls", 9),
            2,
            "only 10 perm",
        ),
    ):
        ran = gestalt(*words)
        assert (ran.code, ran.out) == (code, "")
        assert message in ran.err
