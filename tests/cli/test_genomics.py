"""`gestalt genomics score`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.genomics import made_cases
from tests.genomics.made_vcf import header, line, write

LINES = [
    line(pos=1, gene="AAA1", cadd=35, frequency=0.0001),
    line(pos=2, gene="AAA1", cadd=12),
    line(pos=3, gene="BBB1", cadd=28, effect="stop_gained", gt="1/1"),
    line(pos=4, gene="CCC1", ref="A", alt="AT", effect="frameshift_variant", cadd=None),
    line(pos=5, gene="DDD1", frequency=0.2),
    line(pos=6, gene="EEE1", effect="synonymous_variant"),
    line(pos=7, gene="FFF1", filters="LowQual"),
    line("GL000191.1", 8),
]


@pytest.fixture
def vcf(tmp_path: Path) -> Path:
    return write(tmp_path / "exome.vcf.gz", LINES)


def test_genes_are_scored(gestalt: Command, vcf: Path):
    ran = gestalt("genomics", "score", vcf, "--json")
    document = ran.document
    assert [(one["symbol"], one["score"], one["rank"]) for one in document["genes"]] == [
        ("AAA1", 35, 1),
        ("BBB1", 28, 2),
        ("CCC1", None, None),
    ]
    assert [one["name"] for one in document["genes"][0]["variants"]] == ["1-1-A-G"]
    assert [(one["name"], one["left"]) for one in document["filters"]] == [
        ("FILTER", 6),
        ("effect", 5),
        ("frequency", 4),
    ]
    assert (document["build"], document["emptied"], document["total"]) == ("GRCh37", "", 7)
    assert any("CADD is missing for 1 variant, of which 1" in note for note in document["notes"])
    assert any("Left out: 1 line on contigs" in note for note in document["notes"])
    assert ran.code == 0


def test_the_csv_has_what_the_document_has(gestalt: Command, vcf: Path):
    document = gestalt("genomics", "score", vcf, "--json").document
    rows = list(csv.DictReader(io.StringIO(gestalt("genomics", "score", vcf, "--csv", "-").out)))
    assert [(row["gene"], row["rank"], row["score"]) for row in rows] == [
        (one["symbol"], str(one["rank"] or ""), "" if one["score"] is None else f"{one['score']:g}")
        for one in document["genes"]
    ]


def test_filters_are_those_that_were_asked_for(gestalt: Command, vcf: Path, tmp_path: Path):
    panel = tmp_path / "panel.txt"
    panel.write_text("CCC1\nDDD1\nEEE1\nFFF1\n")
    words = ("--impact", "modifier", "--max-frequency", 1, "--any-filter", "--panel", panel)
    document = gestalt("genomics", "score", vcf, *words, "--json").document
    assert {one["symbol"] for one in document["genes"]} == {"CCC1", "DDD1", "EEE1", "FFF1"}
    assert [one["name"] for one in document["filters"]] == ["panel"]
    recessive = gestalt("genomics", "score", vcf, "--mode", "recessive", "--json").document
    assert [(one["symbol"], one["score"], one["how"]) for one in recessive["genes"]] == [
        ("BBB1", 28, "homozygous"),
        ("AAA1", 12, "two heterozygous"),
    ]


@pytest.mark.parametrize("words", [(), ("--quiet",), ("--json", "--quiet"), ("--csv", "-")])
def test_that_nothing_is_left_is_said_whatever_is_asked_for(
    gestalt: Command, vcf: Path, words: tuple[str, ...]
):
    (vcf.parent / "p").write_text("NIPBL\n")
    ran = gestalt("genomics", "score", vcf, "--panel", vcf.parent / "p", *words)
    assert ran.code == 0
    assert "0 of 7 variants are left: the filter «panel» removed the last 4 variants" in ran.err


def test_the_first_genes(gestalt: Command, vcf: Path):
    out = gestalt("genomics", "score", vcf, "--top", 1).out
    assert "AAA1" in out
    assert "BBB1" not in out
    assert len(gestalt("genomics", "score", vcf, "--top", 1, "--json").document["genes"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--build", "hg38"), "The VCF is on GRCh37, not on GRCh38"),
        (("--build", "hg18"), "Unknown genome build 'hg18'"),
        (("--sample", "P2"), "has no sample 'P2'"),
        (("--impact", "big"), "Unknown impact 'big'"),
        (("--mode", "odd"), "Unknown mode of inheritance 'odd'"),
        (("--mode", "x-recessive"), "depends on the sex"),
        (("--sex", "x"), "Unknown sex 'x'"),
        (("--genes", "none.txt"), "none.txt cannot be read"),
        (("--json", "--csv", "a.csv"), "cannot be combined"),
    ],
)
def test_what_is_not_clear_is_refused(
    gestalt: Command, vcf: Path, words: tuple[str, ...], message: str
):
    ran = gestalt("genomics", "score", vcf, *words)
    assert ran.code == 2
    assert message in ran.err


def test_a_vcf_that_is_cut_off_is_refused(gestalt: Command, tmp_path: Path):
    path = write(tmp_path / "a.vcf", [*LINES, "1\t9"])
    ran = gestalt("genomics", "score", path, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "table_damaged")
    assert "line 9 of its variants" in ran.document["error"]["message"]


def test_a_symbol_of_two_genes_is_named(gestalt: Command, tmp_path: Path):
    table = tmp_path / "genes.txt"
    table.write_text(
        "hgnc_id\tsymbol\talias_symbol\nHGNC:1\tAAA2\tAAA1\nHGNC:2\tAAA3\tAAA1\nHGNC:3\tBBB1\t\n"
    )
    path = write(tmp_path / "a.vcf", LINES, header())
    document = gestalt("genomics", "score", path, "--genes", table, "--json").document
    assert [one["symbol"] for one in document["genes"]] == ["BBB1", "CCC1"]
    assert document["genes"][0]["hgnc_id"] == "HGNC:3"
    notes = " ".join(document["notes"])
    assert "'AAA1' means 2 genes: AAA2 (HGNC:1), AAA3 (HGNC:2)" in notes
    assert "genes.txt does not have 1 gene" in notes


def test_without_an_annotation_no_gene_is_scored_and_that_is_said(gestalt: Command, tmp_path: Path):
    fields = {"CADD_PHRED": ("A", "Float")}
    path = write(tmp_path / "a.vcf", [line(info="CADD_PHRED=30")], header(fields=fields))
    ran = gestalt("genomics", "score", path)
    assert "no annotation (ANN or CSQ)" in ran.err


@pytest.mark.shared
def test_the_exome_of_the_1000_genomes_project(gestalt: Command, shared: Path):
    vcf = shared / "genomics" / "exome_hg19_cadd.vcf.gz"
    document = gestalt("genomics", "score", vcf, "--json").document
    assert document["counts"]["lines"] == 14_917
    assert all(one["score"] is None or one["rank"] for one in document["genes"])
    for gene in document["genes"]:
        assert [gene["score"]] == [variant["cadd"] for variant in gene["variants"]]
        assert all((variant["frequency"] or 0) <= 0.01 for variant in gene["variants"])


# --- several scores together


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return made_cases.write(made_cases.cases(30, 12, causal_genes=10), tmp_path / "cases.csv")


def test_a_ranking_of_genes_is_trained_and_used(gestalt: Command, cases: Path, tmp_path: Path):
    model = tmp_path / "model"
    document = gestalt("train", "pedia", cases, "-o", model, "--folds", 3, "--json").document
    assert [one["title"] for one in document["accuracy"]][:2] == ["all", "without gestalt"]
    assert {path.name for path in model.iterdir()} == {"CARD.md", "pedia.json"}
    words = ("genomics", "pedia", cases, "--model", model)
    ran = gestalt(*words, "--json", "--top", 2)
    ranked = ran.document
    assert len(ranked["cases"]) == 30
    assert {len(one["genes"]) for one in ranked["cases"]} == {2}
    assert {one["candidates"] for one in ranked["cases"]} == {12}
    for case in ranked["cases"]:
        for gene in case["genes"]:
            shown = [ranked["model"]["intercept"], *(p["contribution"] for p in gene["parts"])]
            assert gene["score"] == pytest.approx(sum(shown), abs=1e-6)
    assert "case 0: 12 genes" in ran.err
    rows = list(csv.DictReader(io.StringIO(gestalt(*words, "--csv", "-").out)))
    assert len(rows) == 360
    assert [row["gene"] for row in rows[:2]] == [
        gene["symbol"] for gene in ranked["cases"][0]["genes"]
    ]
    first = rows[0]
    parts = ("intercept", "gestalt", "cadd", "noise")
    assert float(first["score"]) == pytest.approx(sum(float(first[n]) for n in parts), abs=1e-4)


def test_results_for_pheval(gestalt: Command, tmp_path: Path):
    cases = made_cases.write(made_cases.cases(15, 6, causal_genes=5), tmp_path / "cases.csv")
    model, folder = tmp_path / "model", tmp_path / "out"
    gestalt("train", "pedia", cases, "-o", model, "--folds", 2, "--quiet")
    ran = gestalt("genomics", "pedia", cases, "--model", model, "--pheval", folder, "--quiet")
    assert ran.code == 0
    assert len(list((folder / "pheval_gene_results").iterdir())) == 15
    again = gestalt("genomics", "pedia", cases, "--model", model, "--pheval", folder)
    assert (again.code, "exists already" in again.err) == (1, True)


def test_scores_of_tools_are_joined(gestalt: Command, vcf: Path, tmp_path: Path):
    cadd, exomiser = tmp_path / "cadd.csv", tmp_path / "exomiser.json"
    gestalt("genomics", "score", vcf, "--csv", cadd)
    exomiser.write_text(
        '[{"geneSymbol": "AAA1", "combinedScore": 0.9, "priorityScore": 0.5, "variantScore": 1}]'
    )
    words = ("genomics", "join", f"cadd={cadd}", f"exomiser={exomiser}", "--case", "P1")
    ran = gestalt(*words, "--exomiser", "phenotype", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [(row["gene"], row["cadd"], row["exomiser"]) for row in rows] == [
        ("AAA1", "35", "0.5"),
        ("BBB1", "28", ""),
        ("CCC1", "", ""),
    ]
    assert "exomiser: 1 gene from exomiser.json (Exomiser), missing for 2" in ran.err
    assert "No gene table is given" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("genomics", "join", "cadd", "--case", "a"), "'cadd' is not NAME=FILE"),
        (("genomics", "join", "a=x.csv", "--case", "a"), "x.csv cannot be read"),
        (("genomics", "join", "a={}", "a={}", "--case", "a"), "Two scores are named 'a'"),
        (("genomics", "pedia", "{}", "--model", "none"), "has no PEDIA model"),
        (("train", "pedia", "{}", "-o", "new", "--distance", "x"), "has no column x"),
        (("train", "pedia", "{}", "-o", "new", "--genes", "{}"), "has no column hgnc_id"),
    ],
)
def test_what_is_not_clear_about_scores_is_refused(
    gestalt: Command, tmp_path: Path, cases: Path, words: tuple[str, ...], message: str
):
    scores = tmp_path / "scores.csv"
    scores.write_text("gene,score\nAAA1,1\n")
    given = scores if "join" in words else cases
    ran = gestalt(*(word.format(given) for word in words))
    assert ran.code == 2
    assert message in ran.err


@pytest.mark.shared
def test_the_exome_and_a_result_of_exomiser(gestalt: Command, shared: Path, tmp_path: Path):
    folder = shared / "genomics"
    genes = ("--genes", folder / "gnomad_gene_counts.tsv")
    gestalt(
        "genomics", "score", folder / "exome_hg19_cadd.vcf.gz", *genes, "--csv", tmp_path / "a.csv"
    )
    files = (f"cadd={tmp_path / 'a.csv'}", f"exomiser={folder / 'exomiser_result.json'}")
    ran = gestalt("genomics", "join", *files, "--case", "P1", *genes, "--csv", "-")
    rows = {row["gene"]: row for row in csv.DictReader(io.StringIO(ran.out))}
    assert rows["FGFR2"]["exomiser"] == "1"
    assert all(row["hgnc_id"].startswith("HGNC:") for row in rows.values())


def test_a_missing_annotation_is_said_whatever_is_asked_for(gestalt: Command, tmp_path: Path):
    path = write(tmp_path / "a.vcf", [line(info="CADD_PHRED=20")])
    for words in ((), ("--quiet",), ("--json",)):
        ran = gestalt("genomics", "score", path, *words)
        assert "1 of 1 variants have no annotation (ANN)" in " ".join(ran.err.split())


def test_impossible_cadd_scores_are_counted(gestalt: Command, tmp_path: Path):
    path = write(tmp_path / "a.vcf", [line(cadd="-1e9")])
    document = gestalt("genomics", "score", path, "--json").document
    assert document["counts"]["impossible_cadd"] == 1
    told = "Not used: CADD scores outside 0 to 100, of 1 variant."
    assert any(note.startswith(told) for note in document["notes"])
