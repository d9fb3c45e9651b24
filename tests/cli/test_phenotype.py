"""`gestalt phenotype`, on a release of HPO that was made by hand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from gestalt_space.phenotype import release as releases
from tests.cli.conftest import Add, Command
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
    assert "LR multiplies findings that go together" in " ".join(out.split())
    assert "HPO of 2025-01-16" in out


def test_tables_fit_a_terminal(gestalt: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    out = gestalt("phenotype", "rank", "--hpo", "HP:0000011,!Eye,HP:0009999", "--explain").out
    assert max(map(len, out.splitlines())) <= 80
    assert "not used: HP:0009999, HPO has no such term" in out


def test_ties_are_counted_in_the_tables(gestalt: Command):
    words = ("phenotype", "rank", "--hpo", "HP:0000011", "--top", 2)
    (case,) = gestalt(*words, "--json").document["cases"]
    assert [one["tied"] for one in case["disorders"]] == [1, 1]
    out = gestalt(*words).out
    assert "disorders have the same" not in out
    (case,) = gestalt("phenotype", "rank", "--hpo", "HP:0000012", "--top", 4, "--json").document[
        "cases"
    ]
    (count,) = {one["tied"] for one in case["genes"][-2:]}
    assert count > 1
    out = gestalt("phenotype", "rank", "--hpo", "HP:0000012", "--top", 4).out
    assert f"lines 3, 4: {count} genes have the same score" in out


def test_without_a_term_that_can_be_used_the_command_fails(gestalt: Command, tmp_path: Path):
    """As `gestalt match` and `gestalt phenotype similar` do."""
    for words in (
        ("--hpo", "HP:0009999"),
        ("--hpo", "!HP:0000011"),
        ("--phenopacket", tmp_path / "a.json"),
    ):
        (tmp_path / "a.json").write_text("{", encoding="utf-8")
        ran = gestalt("phenotype", "rank", *words, "--json")
        assert ran.code == 1
        assert ran.document["cases"][0]["error"]["code"] == "phenotype"
        assert gestalt("phenotype", "rank", *words).code == 1


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
    assert "no gene of HPO's annotations: NONE" in told.out
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


def test_cases_of_one_identifier_are_told_apart(gestalt: Command, tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(packet("P1")))
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    ran = gestalt(
        *("phenotype", "rank", "--phenopacket", files[0], "--phenopacket", files[1], "--json")
    )
    assert [case["case"] for case in ran.document["cases"]] == [f"P1 ({path})" for path in files]
    assert "Several phenopackets have the identifier P1" in ran.err


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
    out = gestalt(*words).out
    assert "p" in out
    assert "LR multiplies" not in out


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
        (("--hpo", "HP:0000011", "--candidates", " , "), "--candidates has no gene"),
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


@pytest.fixture
def described(
    home: Path, photos: list[Path], tmp_path: Path, add_once: Add, gestalt: Command
) -> Path:
    """The home with P0 and P1 of a family, P2 with terms like theirs, P3 with another one, P4 who
    withdrew, and P5 without terms."""
    table = tmp_path / "described.csv"
    table.write_text(
        "photo,patient,disorder,family,consent,hpo\n"
        "photos/p0.png,P0,OMIM:122470,F,,HP:0000011\n"
        "photos/p1.png,P1,OMIM:122470,F,,HP:0000011\n"
        "photos/p2.png,P2,OMIM:194050,,,HP:0000011;!HP:0000020\n"
        "photos/p3.png,P3,,,,HP:0000020\n"
        "photos/p4.png,P4,OMIM:122470,,,HP:0000011\n"
        "photos/p5.png,P5,OMIM:122470,,,\n",
        encoding="utf-8",
    )
    found = add_once("described", table)
    assert gestalt("index", "set", "P4", "--consent", "withdrawn").code == 0
    return found


def test_patients_with_similar_terms_are_listed_but_for_the_family(
    described: Path, gestalt: Command
):
    document = gestalt("phenotype", "similar", "--patient", "P0", "--json").document
    assert document["left_out"] == "P0"
    assert [one["patient"] for one in document["patients"]] == ["P2", "P3"]
    assert document["patients"][0]["disorders"] == ["OMIM:194050"]
    assert document["patients"][0]["in_common"] == [{"id": "HP:0000011", "name": "Wide nose"}]
    assert document["ranked"] == 2


def test_patients_are_compared_with_terms_and_phenopackets(
    described: Path, gestalt: Command, tmp_path: Path
):
    ran = gestalt("phenotype", "similar", "--hpo", "HP:0000011,nothing such", "--top", "3")
    assert ran.code == 0
    assert [line.split()[1] for line in ran.out.splitlines() if " Wide nose" in line] == [
        "P0",
        "P1",
        "P2",
    ]
    assert "nothing such" in ran.out
    path = tmp_path / "case.json"
    path.write_text(json.dumps(packet()), encoding="utf-8")
    rows = list(csv.DictReader(gestalt(*SIMILAR, path, "--csv", "-").out.splitlines()))
    assert [row["patient"] for row in rows] == ["P0", "P1", "P2", "P3"]


SIMILAR = ("phenotype", "similar", "--phenopacket")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "One source of terms"),
        (("--patient", "P0", "--hpo", "Nose"), "One source of terms"),
        (("--patient", "P9"), "There is no patient 'P9'"),
        (("--patient", "P4"), "consent of patient 'P4' is withdrawn"),
        (("--patient", "P5"), "no HPO term that is present"),
        (("--hpo", "!Nose"), "no HPO term that is present"),
        (("--hpo", "Nose", "--measure", "cosine"), "no similarity 'cosine'"),
    ],
)
def test_patients_who_cannot_be_compared_are_refused(
    described: Path, gestalt: Command, words: tuple[str, ...], message: str
):
    ran = gestalt("phenotype", "similar", *words)
    assert ran.code in (1, 2)
    assert message in ran.err


def test_a_phenopacket_that_cannot_be_read_or_is_not_alone_is_refused(
    described: Path, gestalt: Command, tmp_path: Path
):
    folder = tmp_path / "cases"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(json.dumps(packet()), encoding="utf-8")
    assert "several phenopackets" in gestalt(*SIMILAR, folder).err
    (folder / "a.json").write_text("{", encoding="utf-8")
    assert gestalt(*SIMILAR, folder / "a.json").code in (1, 2)
