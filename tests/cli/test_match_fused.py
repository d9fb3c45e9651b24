"""`gestalt match` with terms and an exome, on a release of HPO that was made by hand."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.home import Gallery
from gestalt_space.match.match_mixin import MatchMixin
from gestalt_space.ranking.calibration import LikelihoodRatio
from tests.cli.conftest import Add, Command
from tests.interop.test_phenopackets import packet
from tests.phenotype.made import write_release

ALIGNED = ("--detector", "aligned")
TERMS = ("--hpo", "HP:0000011,!HP:0000020")


@pytest.fixture(autouse=True)
def _release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_release(tmp_path / "release")
    for path in folder.iterdir():
        # A gallery takes identifiers of six digits alone.
        text = re.sub(r"OMIM:([1-4])\b", r"OMIM:10000\1", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
    monkeypatch.setenv("GESTALT_HPO_RELEASE", str(folder))


@pytest.fixture
def gallery(photos: list[Path], add_once: Add, tmp_path: Path) -> Path:
    """A home with a patient of OMIM:100002 and one of a disorder that HPO does not have."""
    table = tmp_path / "patients.csv"
    table.write_text(
        "photo,patient,disorder,sex,age\n"
        "photos/p0.png,P0,OMIM:100002,female,4y\n"
        "photos/p1.png,P1,SIM:1,male,18m\n",
        encoding="utf-8",
    )
    return add_once("fused", table)


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    pytest.importorskip("cyvcf2", reason="reading a VCF needs cyvcf2")
    from tests.genomics import made_vcf

    lines = [made_vcf.line(gene="BBB1", cadd=30), made_vcf.line(pos=200, gene="New1", cadd=10)]
    return made_vcf.write(tmp_path / "exome.vcf", lines)


def fused_of(document: Any) -> Any:
    (probe,) = document["probes"]
    return probe["fused"]


def test_photo_and_terms_rank_disorders_and_genes(
    gallery: Path, photos: list[Path], gestalt: Command
) -> None:
    ran = gestalt("match", photos[2], *TERMS, "--sex", "female", "--age", "4y", "--json", *ALIGNED)
    assert ran.code == 0, ran.err
    fused = fused_of(ran.document)
    assert (fused["version"], fused["by"]) == (1, "disorder")
    assert (fused["sex"], fused["age"]) == ("female", 4.0)
    assert fused["terms"]["used"] == 2
    assert fused["exome"] is None
    found = {one["id"]: one for one in fused["disorders"]}
    assert found.keys() == {"OMIM:100001", "OMIM:100002", "OMIM:100003", "SIM:1"}
    first, second = found["OMIM:100001"], found["OMIM:100002"]
    assert first["rank"] == 1
    assert first["parts"]["photo"]["why"] == "the gallery has no patient with this disorder"
    assert first["likelihood_ratio"] == pytest.approx(10 ** first["log10_ratio"])
    assert second["parts"]["photo"]["withheld"]
    assert second["likelihood_ratio"] is None
    assert second["no_ratio"].startswith("withheld: ")
    assert {one["name"] for one in fused["genes"]} == {"AAA1", "BBB1", "CCC1", "Entrez:40"}
    (probe,) = ran.document["probes"]
    assert {line["id"] for line in probe["disorders"]} == {"OMIM:100002", "SIM:1"}
    assert {(one["attribute"], one["value"]) for one in probe["composition"]} == {
        ("sex", "female"),
        ("age group", "1 to 4 years"),
    }


def test_a_photo_with_a_ratio_moves_its_disorder(
    gallery: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MatchMixin.answer_in_full

    def with_ratios(self: Gallery, *given: Any) -> Any:
        ratio = LikelihoodRatio(1000.0, 20.0)
        return [
            (
                match,
                tuple(
                    replace(line, likelihood_ratio=ratio, no_ratio=None)
                    for line in lines
                    if line.id == "OMIM:100002"
                ),
            )
            for match, lines in whole(self, *given)
        ]

    monkeypatch.setattr(MatchMixin, "answer_in_full", with_ratios)
    ran = gestalt("match", photos[2], *TERMS, "--json", *ALIGNED)
    first = fused_of(ran.document)["disorders"][0]
    assert (first["rank"], first["id"]) == (1, "OMIM:100002")
    assert first["rank_without"] == {"photo": 3, "terms": 1}
    assert first["parts"]["photo"] | {"similarity": None} == {
        "log10_ratio": 3.0,
        "why": None,
        "withheld": False,
        "lower": 1.301,
        "disorder": "OMIM:100002",
        "similarity": None,
    }
    total = sum(part["log10_ratio"] for part in first["parts"].values()) + first["others"]
    assert first["log10_ratio"] == pytest.approx(total, abs=1e-9)
    assert first["lower"] == pytest.approx(total - 3 + 1.301, abs=1e-9)
    shown = gestalt("match", photos[2], *TERMS, *ALIGNED).out
    assert "Disorder 2: without the photo: rank 3, without the terms: rank 1" in shown
    assert "+3.0000" in shown
    assert "closest by the photo alone: Disorder 2 (OMIM:100002), photo +3.0000, rank 1" in shown
    assert "Disorder 1: without the photo: rank 1, without the terms: no evidence from the" in shown
    assert "without the terms: rank 4" not in shown
    assert "photo alone: 10 disorders requested, 2 eligible" in shown
    assert "2 terms used: 1 present, 1 excluded" in shown
    assert "× 4 / (present terms + excluded terms / 4)" in " ".join(shown.split())


def test_the_terms_are_explained_one_by_one(
    gallery: Path, photos: list[Path], gestalt: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("match", photos[2], "--hpo", "HP:0000011,HP:0000013,!HP:0000020", *ALIGNED)
    fused = fused_of(gestalt(*words, "--json").document)
    for line in (*fused["disorders"], *fused["genes"]):
        part = line["parts"]["terms"]
        told = sum(one["adds"] for one in part["evidence"]) + part["other_disorders"]
        assert round(told, 4) == part["log10_ratio"]
        assert len(part["evidence"]) == (0 if part["why"] else 3)
    ranked = gestalt("phenotype", "rank", *words[2:4], "--explain", "--json").document
    first, alone = fused["disorders"][0], ranked["cases"][0]["disorders"][0]
    evidence = first["parts"]["terms"]["evidence"]
    assert [{**one, "adds": None} for one in evidence] == [
        {**one, "adds": None} for one in alone["evidence"]
    ]
    monkeypatch.setenv("COLUMNS", "80")
    out = gestalt(*words).out
    # A path is never broken, and is long in tests that run beside each other.
    assert max(len(line) for line in out.splitlines() if str(photos[2]) not in line) <= 80
    shown = " ".join(out.split())
    told = ", ".join(f"{_name(one)} {one['adds']:+.4f}" for one in evidence if one["adds"])
    total = first["parts"]["terms"]["log10_ratio"]
    silent = sum(not one["adds"] for one in evidence)
    told += f", {silent} term{'s' * (silent > 1)} 0" if silent else ""
    assert f"{first['name']}, terms {total:+.4f}: {told}" in shown
    heads = [shown.index(f"{what} by all evidence together") for what in ("Disorders", "Genes")]
    assert heads == sorted(heads)
    genes = " ".join(gestalt(*words, "--by", "gene").out.split())
    (gene, *_) = fused["genes"]
    assert f"{gene['name']}, terms {gene['parts']['terms']['log10_ratio']:+.4f}: " in genes


def _name(term: Any) -> str:
    return term["name"] if term["is_present"] else f"no {term['name']}"


def test_genes_come_first_where_they_are_asked_for(
    gallery: Path, photos: list[Path], gestalt: Command, vcf: Path, tmp_path: Path
) -> None:
    case = tmp_path / "case.json"
    subject = {"sex": "FEMALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P4Y"}}}
    case.write_text(json.dumps(packet(subject=subject)), encoding="utf-8")
    words = ("match", photos[2], "--phenopacket", case, "--vcf", vcf, "--by", "gene", *ALIGNED)
    document = gestalt(*words, "--json").document
    fused = fused_of(document)
    assert (fused["by"], fused["sex"], fused["age"]) == ("gene", "female", 4.0)
    assert fused["exome"] == fused["exome"] | {
        "sample": "P1",
        "build": "GRCh37",
        "variants": 2,
        "genes": 2,
        "is_exome": False,
    }
    assert "New1" in [one["name"] for one in fused["genes"]]
    (bbb,) = [one for one in fused["genes"] if one["name"] == "BBB1"]
    assert bbb["parts"]["exome"]["score"] == 30
    assert len(bbb["parts"]["exome"]["variants"]) == 1
    out = gestalt(*words).out
    assert out.index(" gene ") < out.index(" disorder  ")
    assert "Assumed: " in out
    table = list(csv.DictReader(io.StringIO(gestalt(*words, "--csv", "-").out)))
    assert [row["name"] for row in table] == [one["name"] for one in fused["genes"]]


def test_what_is_not_known_of_genes_is_told(
    gallery: Path, photos: list[Path], gestalt: Command, vcf: Path, tmp_path: Path
) -> None:
    from tests.genomics import made_vcf

    lines = [made_vcf.line(pos=n, gene=name) for n, name in enumerate(("OLD", "New1", "BBB1"), 1)]
    made_vcf.write(vcf, lines)
    table = tmp_path / "genes.txt"
    table.write_text(
        "hgnc_id\tsymbol\talias_symbol\nHGNC:1\tAAA1\tOLD\nHGNC:2\tCCC1\tOLD\nHGNC:3\tBBB1\t\n"
    )
    words = ("match", photos[2], "--vcf", vcf, "--genes", table, *ALIGNED)
    fused = fused_of(gestalt(*words, "--json").document)
    assert (fused["exome"]["genes"], fused["exome"]["genes_not_in_hpo"]) == (2, 1)
    found = {one["name"]: one["parts"]["exome"] for one in fused["genes"]}
    for symbol in ("AAA1", "CCC1"):
        assert found[symbol]["log10_ratio"] == 0
        assert found[symbol]["why"].startswith("not known: OLD")
    assert found["BBB1"]["why"] is None
    told = "1 gene with candidates is not in HPO's annotations"
    assert any(note.startswith(told) for note in fused["exome"]["notes"])
    assert told in re.sub(r"\s+", " ", gestalt(*words).out)


def test_join_says_that_it_does_not_read_fused_matches(
    gallery: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    fused = tmp_path / "fused.json"
    ran = gestalt("match", photos[2], *TERMS, "--by", "gene", "--json", *ALIGNED)
    fused.write_text(ran.out, encoding="utf-8")
    joined = gestalt("genomics", "join", f"gestalt={fused}", "--case", "P1")
    assert joined.code == 2
    assert "fused.json is a match with terms or an exome, which cannot be joined" in joined.err
    assert "--by gene" in joined.err


def test_an_exome_without_terms(
    gallery: Path, photos: list[Path], gestalt: Command, vcf: Path
) -> None:
    fused = fused_of(gestalt("match", photos[2], "--vcf", vcf, "--json", *ALIGNED).document)
    assert fused["terms"] is None
    assert {frozenset(one["parts"]) for one in fused["genes"]} == {frozenset({"photo", "exome"})}
    assert fused["genes"][0]["name"] == "BBB1"


def test_eighty_columns_hold_all_parts(
    gallery: Path,
    photos: list[Path],
    gestalt: Command,
    vcf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(photos[2].parent)
    ran = gestalt("match", photos[2].name, *TERMS, "--vcf", vcf, *ALIGNED)
    assert ran.code == 0, ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    heads = [line.split() for line in ran.out.splitlines()]
    assert ["rank", "disorder", "log10", "LR", "photo", "terms", "exome", "others"] in heads
    monkeypatch.setenv("COLUMNS", "200")
    wide = gestalt("match", photos[2].name, *TERMS, "--vcf", vcf, *ALIGNED).out
    assert "Disorder 1 (OMIM:100001), best gene AAA1 " in wide


def test_the_exome_is_explained(
    gallery: Path, photos: list[Path], gestalt: Command, vcf: Path
) -> None:
    from tests.genomics import made_vcf

    made_vcf.write(vcf, [made_vcf.line(gene="CCC1", cadd=30), made_vcf.line(pos=200, cadd=10)])
    words = ("match", photos[2], "--vcf", vcf, *ALIGNED)
    first = fused_of(gestalt(*words, "--json").document)["disorders"][0]
    part = first["parts"]["exome"]
    assert (first["id"], part["genes"]) == ("OMIM:100003", 2)
    shown = " ".join(gestalt(*words).out.split())
    assert (
        f"Disorder 3, exome {part['log10_ratio']:+.4f}: CCC1, candidate 1-100-A-G 0, "
        f"CADD 30 {part['cadd']:+.4f}, mean of 2 genes {part['averaged']:+.4f}"
    ) in shown
    genes = " ".join(gestalt(*words, "--by", "gene").out.split())
    assert "Disorder 3, exome" not in genes
    assert f"CCC1, exome {part['cadd']:+.4f}: CCC1, candidate 1-100-A-G 0, CADD 30" in genes


def test_ties_are_counted(gallery: Path, photos: list[Path], gestalt: Command) -> None:
    words = ("match", photos[2], "--hpo", "HP:0000020", *ALIGNED)
    fused = fused_of(gestalt(*words, "--json").document)
    totals = [one["log10_ratio"] for one in fused["genes"]]
    assert [one["tied"] for one in fused["genes"]] == [totals.count(one) for one in totals]
    count = max(one["tied"] for one in fused["genes"])
    assert count > 1
    assert f": {count} genes have the same total" in gestalt(*words).out


def test_a_contradiction_of_the_phenopacket_is_told(
    gallery: Path, photos: list[Path], gestalt: Command, tmp_path: Path
) -> None:
    case = tmp_path / "case.json"
    case.write_text(json.dumps(packet()), encoding="utf-8")
    words = ("match", photos[2], "--phenopacket", case, "--sex", "male", *ALIGNED)
    told = "The phenopacket says female, but male was given: male is used."
    assert told in gestalt(*words).out
    assert fused_of(gestalt(*words, "--json").document)["notes"] == [told]


def test_the_stored_terms_of_a_patient_count_too(
    gallery: Path, gestalt: Command, vcf: Path
) -> None:
    told = "2 stored terms of P0 are used too."
    assert (
        gestalt("index", "set", "P0", "--hpo", "HP:0000013", "--hpo-absent", "HP:0000020").code == 0
    )
    words = ("match", "--patient", "P0", "--hpo", "HP:0000011,HP:0000013")
    fused = fused_of(gestalt(*words, "--json").document)
    assert fused["terms"]["used"] == 3
    assert [one["reason"] for one in fused["terms"]["ignored"]] == ["repeated"]
    assert fused["notes"] == [told]
    shown = gestalt(*words).out
    assert told in shown
    assert "not used: HP:0000013, already among the terms" in shown
    with_exome = fused_of(gestalt("match", "--patient", "P0", "--vcf", vcf, "--json").document)
    assert with_exome["terms"]["used"] == 2


def test_a_stored_patient_with_terms(gallery: Path, gestalt: Command) -> None:
    fused = fused_of(gestalt("match", "--patient", "P0", *TERMS, "--json").document)
    assert (fused["sex"], fused["age"]) == ("female", 4.0)
    (own,) = [one for one in fused["disorders"] if one["id"] == "OMIM:100002"]
    assert own["parts"]["photo"]["why"] == "the gallery has no patient with this disorder"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--hpo", "HP:9999999"), "No term can be used: HP:9999999."),
        (("--hpo", " "), "There is no term that is present."),
        ((*TERMS, "--by", "patient"), "cannot be combined with --by patient"),
        ((*TERMS, "--explain", "OMIM:100002"), "cannot be combined with --explain"),
        ((*TERMS, "--format", "gestaltmatcher"), "cannot be combined with --format"),
        (("--build", "GRCh37"), "--build needs a VCF."),
        (("--vcf", "no.vcf"), "no.vcf"),
    ],
)
def test_what_cannot_be_asked(
    gallery: Path, photos: list[Path], gestalt: Command, words: tuple[str, ...], message: str
) -> None:
    ran = gestalt("match", photos[2], *words, *ALIGNED)
    assert ran.code in (1, 2)
    assert message in ran.err


def test_terms_are_of_one_patient(gallery: Path, photos: list[Path], gestalt: Command) -> None:
    ran = gestalt("match", photos[2], photos[3], *TERMS, *ALIGNED)
    assert ran.code == 2
    assert "of one patient, but there are 2 photos" in ran.err
    assert gestalt("match", photos[2], photos[3], "--as-one", *TERMS, *ALIGNED).code == 0


def test_a_vcf_of_another_build_is_refused(
    gallery: Path, photos: list[Path], gestalt: Command, vcf: Path
) -> None:
    ran = gestalt("match", photos[2], "--vcf", vcf, "--build", "GRCh38", *ALIGNED)
    assert ran.code == 2
    assert "The VCF is on GRCh37, not on GRCh38" in ran.err


def test_a_vcf_without_candidates_is_refused_with_the_filter(
    gallery: Path, photos: list[Path], gestalt: Command, vcf: Path
) -> None:
    from tests.genomics import made_vcf

    made_vcf.write(vcf, [made_vcf.line(gene="BBB1", frequency=0.3)])
    ran = gestalt("match", photos[2], "--vcf", vcf, *ALIGNED)
    assert ran.code == 2
    assert "no gene with a candidate variant. 0 of 1 variants are left" in ran.err
    assert "frequency" in ran.err


def test_a_photo_without_a_face_has_no_fused_ranking(
    gallery: Path, gestalt: Command, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no photo")
    ran = gestalt("match", bad, *TERMS, "--json", *ALIGNED)
    assert ran.code == 3
    (probe,) = ran.document["probes"]
    assert probe["error"] is not None
    assert "fused" not in probe
    assert "bad.png" in gestalt("match", bad, *TERMS, *ALIGNED).err
