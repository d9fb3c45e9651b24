"""Result files are made up after the documented formats; one of Exomiser is real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gestalt_space.errors import GestaltError, TableDamaged, UsageError
from gestalt_space.genomics.genes import Gene, GeneNames, GeneSymbols, GeneTable, load_genes
from gestalt_space.genomics.score_files import (
    ScoreFile,
    parse_part,
    read_disease_genes,
    read_scores,
)

ONE, TWO = Gene("AAA1", "HGNC:1", "Entrez:11"), Gene("BBB1", "HGNC:2", "Entrez:12")
TABLE = GeneTable("genes.txt", [(ONE, ["OLD1", "SHARED"]), (TWO, ["SHARED"])])

EXOMISER_JSON = [
    {
        "geneSymbol": "OLD1",
        "geneIdentifier": {"geneId": "11", "hgncId": "HGNC:1", "entrezId": "11"},
        "combinedScore": 0.9,
        "priorityScore": 0.5,
        "variantScore": 0.8,
    },
    {"geneSymbol": "BBB1", "combinedScore": 0.1, "priorityScore": 0.6, "variantScore": 0.0},
]
EXOMISER_TSV = (
    "#RANK\tID\tGENE_SYMBOL\tENTREZ_GENE_ID\tMOI\tP-VALUE\tEXOMISER_GENE_COMBINED_SCORE\t"
    "EXOMISER_GENE_PHENO_SCORE\tEXOMISER_GENE_VARIANT_SCORE\n"
    "1\tAAA1_AD\tAAA1\t11\tAD\t0.01\t0.7\t0.5\t0.8\n"
    "2\tAAA1_AR\tAAA1\t11\tAR\t0.01\t0.9\t0.5\t0.4\n"
    "3\tBBB1_AD\tx\t12\tAD\t0.5\t0.1\t0.6\t0\n"
)
AMELIE = [["AAA1", [["111", 20.0], ["112", 90.0]]], ["BBB1", [["113", 10.0]]], ["NEW", []]]
CADA = "rank\tgene_id\tgene_name\tscore\n1\tEntrez:11\tx\t90.0\n2\tEntrez:12\tBBB1\t10.0\n"
PHEN2GENE = (
    "Rank\tGene\tID\tScore\tStatus\n1\tAAA1\t11\t0.9\tSeedGene\n2\tBBB1\t12\t0.1\tPredicted\n"
    "3\tCCC1\tNA\t0.0\tNot in KB\n"
)
LIRICAL = (
    "! LIRICAL TSV Output\n! Sample id: P1\n"
    "rank\tdiseaseName\tdiseaseCurie\tpretestprob\tposttestprob\tcompositeLR{more}\n"
    "1\tOne syndrome\tOMIM:1\t1/8000\t45.0%\t{one}{gene}\n"
    "2\tTwo syndrome\tOMIM:2\t1/8000\t0.0%\t{two}{gene}\n"
)
DISEASES = {"OMIM:1": ("AAA1",), "OMIM:2": ("BBB1", "AAA1")}


def written(folder: Path, content: Any, name: str = "result") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def of(scores: ScoreFile) -> dict[str, float]:
    return {scores.genes[key].symbol: score for key, score in scores.scores.items()}


@pytest.mark.parametrize(
    ("content", "tool", "expected"),
    [
        (EXOMISER_JSON, "Exomiser", {"AAA1": 0.9, "BBB1": 0.1}),
        (EXOMISER_TSV, "Exomiser", {"AAA1": 0.9, "BBB1": 0.1}),
        (AMELIE, "AMELIE", {"AAA1": 90, "BBB1": 10}),
        (CADA, "CADA", {"AAA1": 90, "BBB1": 10}),
        (PHEN2GENE, "Phen2Gene", {"AAA1": 0.9, "BBB1": 0.1}),
        ("gene,score\nOLD1,3\nHGNC:2,4\nAAA1,2\n", "table", {"AAA1": 3, "BBB1": 4}),
        ("Gene;Score\nOLD1;3\nBBB1;\n", "table", {"AAA1": 3}),
        ("gene,hgnc_id,score\nx,HGNC:1,3\nBBB1,,1\n", "table", {"AAA1": 3, "BBB1": 1}),
    ],
)
def test_the_format_is_found_in_the_content(
    tmp_path: Path, content: Any, tool: str, expected: dict[str, float]
):
    found = read_scores(written(tmp_path, content), TABLE)
    assert (found.tool, of(found)) == (tool, expected)


@pytest.mark.parametrize("content", [EXOMISER_JSON, EXOMISER_TSV])
def test_the_parts_of_exomiser(tmp_path: Path, content: Any):
    path = written(tmp_path, content)
    assert of(read_scores(path, TABLE, "phenotype")) == {"AAA1": 0.5, "BBB1": 0.6}
    assert of(read_scores(path, TABLE, "variant")) == {"AAA1": 0.8, "BBB1": 0.0}
    assert parse_part("Phenotype") == "phenotype"
    with pytest.raises(UsageError, match="Unknown score 'x'"):
        parse_part("x")


def test_lirical_ranks_diseases_which_a_table_maps_to_genes(tmp_path: Path):
    path = written(tmp_path, LIRICAL.format(more="", gene="", one="2.5", two="-1.25"))
    with pytest.raises(UsageError, match="ranks diseases, not genes"):
        read_scores(path, TABLE)
    found = read_scores(path, TABLE, genes_of_diseases=DISEASES)
    assert (found.tool, of(found)) == ("LIRICAL", {"AAA1": 2.5, "BBB1": -1.25})


def test_ratios_of_lirical_1_become_logarithms(tmp_path: Path):
    text = LIRICAL.format(more="", gene="", one='"1,000.000"', two="0.01")
    found = read_scores(written(tmp_path, text), TABLE, genes_of_diseases=DISEASES)
    assert of(found) == pytest.approx({"AAA1": 3, "BBB1": -2})


def test_lirical_names_genes_itself_where_it_had_a_vcf(tmp_path: Path):
    more = "\tentrezGeneId\tvariants"
    text = LIRICAL.format(more=more, gene="\tNCBIGene:12\tx", one="1.5", two="-3")
    assert of(read_scores(written(tmp_path, text), TABLE)) == {"BBB1": 1.5}


def test_genes_by_disease(tmp_path: Path):
    path = written(
        tmp_path,
        "ncbi_gene_id\tgene_symbol\tassociation_type\tdisease_id\tsource\n"
        "NCBIGene:11\tAAA1\tMENDELIAN\tOMIM:1\tx\nNCBIGene:12\tBBB1\tMENDELIAN\tOMIM:1\tx\n"
        "NCBIGene:12\t-\tMENDELIAN\tOMIM:2\tx\n",
    )
    assert read_disease_genes(path) == {"OMIM:1": ("AAA1", "BBB1")}
    with pytest.raises(UsageError, match="has no column gene_symbol"):
        read_disease_genes(written(tmp_path, "disease_id\tx\nOMIM:1\t2\n"))


def test_what_has_no_gene_or_no_score_is_counted(tmp_path: Path):
    found = read_scores(written(tmp_path, PHEN2GENE), TABLE)
    assert (found.unknown, found.ambiguous, found.without_score) == (("CCC1",), (), 0)
    found = read_scores(written(tmp_path, "gene,score\nSHARED,3\nAAA1,NA\nBBB1,1\n"), TABLE)
    assert (found.unknown, found.ambiguous, found.without_score) == ((), ("SHARED",), 1)
    assert of(found) == {"BBB1": 1}


def test_phen2gene_knows_nothing_of_some_genes_whose_0_is_no_score(tmp_path: Path):
    found = read_scores(written(tmp_path, PHEN2GENE), GeneSymbols())
    assert of(found) == {"AAA1": 0.9, "BBB1": 0.1}
    assert found.without_score == 1


def test_documents_of_our_own(tmp_path: Path):
    gene = {"symbol": "x", "hgnc_id": "HGNC:1", "entrez_id": None, "score": 30.5}
    other = {"symbol": "BBB1", "hgnc_id": None, "entrez_id": "Entrez:12", "score": None}
    content = {"document": "gene-scores", "version": 1, "genes": [gene, other]}
    found = read_scores(written(tmp_path, content), TABLE)
    assert (of(found), found.without_score) == ({"AAA1": 30.5}, 1)
    content = {"version": 1, "hpo": {"release": "x"}, "cases": [{"genes": [gene, other]}]}
    assert of(read_scores(written(tmp_path, content), TABLE)) == {"AAA1": 30.5}
    lines = [{"id": "OLD1", "score": 0.4}, {"id": "BBB1", "score": 0.2}]
    content = {"document": "match", "version": 1, "probes": [{"photo": "a", "genes": lines}]}
    assert of(read_scores(written(tmp_path, content), TABLE)) == {"AAA1": 0.4, "BBB1": 0.2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"document": "match", "probes": [{"disorders": []}]}, "does not rank genes"),
        ({"document": "match", "probes": [{"genes": []}] * 2}, "has 2 cases, not one"),
        ({"hpo": {}, "cases": []}, "has 0 cases, not one"),
    ],
)
def test_a_document_of_others_than_one_case_is_refused(tmp_path: Path, content: Any, message: str):
    with pytest.raises(UsageError, match=message):
        read_scores(written(tmp_path, content), TABLE)


def test_of_two_distances_the_lower_one_counts(tmp_path: Path):
    path = written(tmp_path, "gene,score\nOLD1,0.9\nAAA1,0.3\nBBB1,0.5\n")
    assert of(read_scores(path, TABLE, is_distance=True)) == {"AAA1": 0.3, "BBB1": 0.5}
    assert of(read_scores(path, TABLE)) == {"AAA1": 0.9, "BBB1": 0.5}


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("[{", TableDamaged, "is not JSON"),
        ({"a": 1}, TableDamaged, "not a result of Exomiser or AMELIE"),
        ([{"geneSymbol": "AAA1"}], TableDamaged, "does not follow the format of its tool"),
        ([["AAA1"]], TableDamaged, "does not follow the format of its tool"),
        ([["AAA1", [["1", "high"]]]], TableDamaged, "does not follow the format"),
        ([3], TableDamaged, "does not follow the format"),
        ([], UsageError, "has no genes that are known"),
        ("gene,score\nCCC1,3\n", UsageError, "has no genes that are known: CCC1"),
        ("gene,score\nAAA1,high\n", UsageError, "line 2, column score: 'high' is not a number"),
        ("gene,score\nAAA1,nan(1)\n", UsageError, "is not a number"),
        ("gene,score\nAAA1,inf\n", UsageError, "'inf' is not a number"),
        ("gene,value\nAAA1,3\n", UsageError, "its columns are gene, value"),
        ("", UsageError, "has no rows"),
        ("gene,score\n", UsageError, "has no rows"),
        ("gene,score,score\nAAA1,1,2\n", UsageError, "has the column score twice"),
        ("gene,score\nAAA1,1,2\n", UsageError, "line 2: 3 cells under 2 columns"),
    ],
)
def test_a_file_that_is_not_as_its_tool_writes_it_is_refused(
    tmp_path: Path, content: Any, kind: type[GestaltError], message: str
):
    with pytest.raises(kind, match=message.replace("(", r"\(").replace(")", r"\)")):
        read_scores(written(tmp_path, content), TABLE)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_scores(tmp_path / "none", TABLE)


@pytest.fixture(scope="session")
def real_genes(shared: Path) -> GeneNames:
    return load_genes(shared / "genomics" / "gnomad_gene_counts.tsv")


@pytest.mark.shared
def test_a_result_of_exomiser(shared: Path, real_genes: GeneNames):
    found = read_scores(shared / "genomics" / "exomiser_result.json", real_genes)
    assert (found.tool, of(found)) == ("Exomiser", {"FGFR2": 1.0, "SHH": 0.0})
    assert (found.unknown, found.ambiguous) == ((), ())
