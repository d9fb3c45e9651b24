"""`gestalt phenotype`, on a release of HPO that was made by hand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from gestalt_space.phenotype import release as releases
from tests.cli.conftest import Command
from tests.interop.test_phenopackets import packet
from tests.phenotype.made import write_release


@pytest.fixture(autouse=True)
def _release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(write_release(tmp_path / "release")))


def test_terms_are_ranked_as_json(gestalt: Command):
    terms = "HP:0000019,!HP:0000020,HP:0000005,HP:0000002"
    ran = gestalt("phenotype", "rank", "--hpo", terms, "--hpo", "Eye", "--json")
    assert ran.code == 0
    document = ran.document
    assert document["document"] == "phenotype-ranking"
    assert document["version"] == 1
    assert document["hpo"] == {"release": "2025-01-16", "annotations": "2025-01-16"}
    (case,) = document["cases"]
    assert case["error"] is None
    assert case["terms"] == {
        "used": 3,
        "mapped": [
            {"given": "HP:0000019", "id": "HP:0000010", "name": "Nose"},
            {"given": "Eye", "id": "HP:0000013", "name": "Eye"},
        ],
        "ignored": [
            {"given": "HP:0000005", "reason": "no_phenotype", "by": None},
            {"given": "HP:0000002", "reason": "implied", "by": "HP:0000013"},
        ],
    }
    first = case["disorders"][0]
    assert first["id"] == "OMIM:1"
    assert first["likelihood_ratio"] == pytest.approx(10 ** first["score"])
    assert "evidence" not in first
    assert "p" not in first
    gene = case["genes"][0]
    assert {key: gene[key] for key in ("rank", "symbol", "hgnc_id", "entrez_id")} == {
        "rank": 1,
        "symbol": "AAA1",
        "hgnc_id": None,
        "entrez_id": "Entrez:100",
    }


def test_the_evidence_adds_up_in_json_and_on_the_terminal(gestalt: Command):
    words = ("phenotype", "rank", "--hpo", "HP:0000011,HP:0000020", "--explain")
    for line in gestalt(*words, "--json").document["cases"][0]["disorders"]:
        assert round(sum(one["log10_ratio"] for one in line["evidence"]), 4) == line["score"]
    out = gestalt(*words).out
    assert "Wide nose" in out
    assert "not a medical device" in out
    assert "HPO of 2025-01-16" in out


def test_tables_fit_a_terminal(gestalt: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = gestalt("phenotype", "rank", "--hpo", "HP:0000011,!Eye,HP:0009999", "--explain").out
    assert max(map(len, out.splitlines())) <= 80
    assert "not used: HP:0009999, HPO has no such term" in out


def test_a_table_of_cases_is_ranked(gestalt: Command, tmp_path: Path):
    path = tmp_path / "cases.csv"
    path.write_text(
        "case,hpo,candidates\na,HP:0000011;!HP:0000020,AAA1;Entrez:30;NONE\nb,HP:0009999,\n"
    )
    ran = gestalt("phenotype", "rank", "--table", path, "--json")
    assert ran.code == 3
    first, second = ran.document["cases"]
    assert {gene["symbol"] for gene in first["genes"]} == {"AAA1", "CCC1"}
    assert first["unknown_candidates"] == ["NONE"]
    assert second["error"]["code"] == "phenotype"
    assert second["terms"]["ignored"][0]["reason"] == "unknown"
    told = gestalt("phenotype", "rank", "--table", path)
    assert told.code == 3
    assert "1 candidate without annotations: NONE" in told.out
    assert "b: No term can be used." in told.err


def test_phenopackets_are_ranked_and_a_bad_one_does_not_stop_them(gestalt: Command, tmp_path: Path):
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(packet("A")))
    old = packet("B", metaData={"phenopacketSchemaVersion": "1.0.0"})
    (folder / "b.json").write_text(json.dumps(old))
    ran = gestalt("phenotype", "rank", "--phenopackets", folder, "--top", 1, "--json")
    assert ran.code == 3
    assert [case["case"] for case in ran.document["cases"]] == ["A", "b"]
    assert "version 1.0.0" in ran.document["cases"][1]["error"]["message"]
    words = ("--phenopacket", folder / "a.json", "--candidates", "bbb1, ccc1", "--json")
    ran = gestalt("phenotype", "rank", *words)
    assert ran.code == 0
    assert {gene["symbol"] for gene in ran.document["cases"][0]["genes"]} == {"BBB1", "CCC1"}


def test_csv_has_the_lines_of_the_json(gestalt: Command, tmp_path: Path):
    words = ("phenotype", "rank", "--hpo", "HP:0000011", "--method", "phenomizer")
    (case,) = gestalt(*words, "--json").document["cases"]
    rows = list(csv.DictReader(io.StringIO(gestalt(*words, "--csv", "-").out)))
    disorders = [row for row in rows if row["kind"] == "disorder"]
    assert [row["id"] for row in disorders] == [one["id"] for one in case["disorders"]]
    for row, one in zip(disorders, case["disorders"], strict=True):
        assert float(row["p"]) == pytest.approx(one["p"], rel=1e-5)
        assert row["likelihood_ratio"] == ""
    genes = [row["name"] for row in rows if row["kind"] == "gene"]
    assert genes == [one["symbol"] for one in case["genes"]]
    assert "p" in gestalt(*words).out


def test_an_unrelated_term_counts_where_it_is_asked_for(gestalt: Command):
    words = ("phenotype", "rank", "--hpo", "HP:0000020", "--json")

    def scores(*more: str) -> dict[str, float]:
        (case,) = gestalt(*words, *more).document["cases"]
        return {one["id"]: one["score"] for one in case["disorders"]}

    assert scores()["OMIM:1"] == 0
    assert scores("--penalise")["OMIM:1"] == -2
    assert set(scores("--database", "orpha")) == {"ORPHA:7"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "One source of terms"),
        (("--hpo", "HP:0000011", "--table", "x.csv"), "One source of terms"),
        (("--table", "x.csv", "--candidates", "AAA1"), "--table and --candidates"),
        (("--hpo", "HP:0000011", "--method", "boqa"), "Unknown method"),
        (("--hpo", "HP:0000011", "--database", "MONDO"), "Unknown database"),
        (("--hpo", "HP:0000011", "--hpo-release", "nowhere"), "hp.obo"),
        (("--table", "x.csv"), "cannot be read"),
        (("--phenopacket", "x.json"), "no file or folder"),
    ],
)
def test_wrong_usage_is_told(gestalt: Command, words: tuple[str, ...], told: str):
    ran = gestalt("phenotype", "rank", *words)
    assert ran.code == 2
    assert told in ran.err


def test_terms_are_searched(gestalt: Command):
    ran = gestalt("phenotype", "search", "nose", "--json")
    assert ran.document["hpo"] == {"release": "2025-01-16"}
    assert [one["name"] for one in ran.document["terms"]] == ["Nose", "Wide nose", "Long nose"]
    out = gestalt("phenotype", "search", "front", "head", "--top", 1).out
    assert "HP:0000002" in out
    assert gestalt("phenotype", "search", "head", "--csv", "-").out.startswith("id,name,synonyms")


def test_without_hpo_it_is_said_what_to_install(gestalt: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GESTALT_HPO_RELEASE")
    monkeypatch.setattr(releases, "find_spec", lambda name: None)
    ran = gestalt("phenotype", "rank", "--hpo", "HP:0000011", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "ontology_missing"


def test_what_steers_a_terminal_is_not_printed(gestalt: Command, tmp_path: Path):
    path = tmp_path / "case.json"
    terms = [{"type": {"id": one}} for one in ("HP:0000011", "\x1b[2Jbad", "\x1b[3mwide\tnose")]
    path.write_text(json.dumps(packet("\x1b[31mred", phenotypicFeatures=terms)))
    genes = "AAA1,\x1b[1mNONE"
    ran = gestalt("phenotype", "rank", "--phenopacket", path, "--candidates", genes)
    assert ran.code == 0
    assert "NONE" in ran.out
    assert "bad" in ran.out
    assert "\x1b" not in ran.out + ran.err
