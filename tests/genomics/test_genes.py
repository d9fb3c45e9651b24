from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.genomics.genes import GeneSymbols, GeneTable, load_genes, read_panel

HEADER = "hgnc_id\tsymbol\tname\tstatus\talias_symbol\tprev_symbol\tentrez_id\tensembl_gene_id"
ROWS = [
    'HGNC:1\tAAA1\tfirst\tApproved\t"ALPHA|SHARED"\tOLD1\t11\tENSG00000000001',
    "HGNC:2\tBBB1\tsecond\tApproved\tSHARED\tAAA1\t12\t",
    "HGNC:3\tCCC1\tthird\tEntry Withdrawn\t\t\t13\t",
    "HGNC:4\tOLD1\tfourth\tApproved\t\t\t\t",
    "HGNC:5\tC1orf112\tfifth\tApproved\t\t\t15\t",
]


def written(folder: Path, rows: list[str] = ROWS, header: str = HEADER) -> Path:
    path = folder / "hgnc_complete_set.txt"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> GeneTable:
    table = load_genes(written(tmp_path))
    assert isinstance(table, GeneTable)
    return table


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("AAA1", "AAA1"),  # BBB1 was once called so
        ("OLD1", "OLD1"),  # and AAA1 was once called OLD1
        ("aaa1", "AAA1"),
        (" ALPHA ", "AAA1"),
        ("HGNC:2", "BBB1"),
        ("hgnc:HGNC:2", "BBB1"),
        ("Entrez:11", "AAA1"),
        ("NCBIGene:12", "BBB1"),
        ("ENSG00000000001.7", "AAA1"),
        ("c1ORF112", "C1orf112"),
    ],
)
def test_a_name_means_one_gene(table: GeneTable, name: str, symbol: str):
    assert table.find(name).symbol == symbol


def test_a_symbol_that_means_two_genes_is_refused_with_both(table: GeneTable):
    assert [gene.symbol for gene in table.meanings("SHARED")] == ["AAA1", "BBB1"]
    with pytest.raises(UsageError, match=r"'SHARED' means 2 genes: AAA1 \(HGNC:1\), BBB1"):
        table.find("SHARED")


@pytest.mark.parametrize("name", ["CCC1", "HGNC:3", "NOTHING", "HGNC:99", ""])
def test_a_gene_that_is_withdrawn_or_not_there_is_not_found(table: GeneTable, name: str):
    assert table.meanings(name) == ()
    with pytest.raises(UsageError, match=r"hgnc_complete_set\.txt has no gene"):
        table.find(name)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "HGNC:1\tDDD1\t\tApproved\t\t\t\t"], "HGNC:1 twice: for AAA1 and for DDD1"),
        ([*ROWS, "HGNC:9\taaa1\t\tApproved\t\t\t\t"], "aaa1 twice"),
        (["5\tAAA1\t\tApproved\t\t\t\t"], "line 2: '5' and 'AAA1' are not an HGNC identifier"),
        ([], "has no rows"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path: Path, rows: list[str], message: str):
    with pytest.raises(UsageError, match=message):
        load_genes(written(tmp_path, rows))


def test_a_table_without_the_columns_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="has no column hgnc_id"):
        load_genes(written(tmp_path, ["AAA1\t1"], "symbol\tentrez_id"))


def test_without_a_table_symbols_are_genes_and_identifiers_need_one():
    names = GeneSymbols()
    assert names.find("kmt2d").symbol == "KMT2D"
    assert names.meanings("HGNC:1") == names.meanings("") == ()
    with pytest.raises(UsageError, match="its gene is in a gene table"):
        names.find("HGNC:1")
    with pytest.raises(UsageError, match="spreadsheet"):
        names.find("1-Mar")


def test_the_genes_of_a_panel(tmp_path: Path, table: GeneTable):
    panel = tmp_path / "panel.txt"
    panel.write_text("# ours\nAAA1\n\nALPHA\nHGNC:2\n", encoding="utf-8")
    assert read_panel(panel, table) == {"HGNC:1", "HGNC:2"}
    panel.write_text("name,hgnc_id\nx,HGNC:4\n", encoding="utf-8")
    assert read_panel(panel, table) == {"HGNC:4"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AAA1\nSHARED\n", "line 2: The gene symbol 'SHARED' means 2 genes"),
        ("NOTHING\n", "line 1: hgnc_complete_set.txt has no gene 'NOTHING'"),
        ("# nothing\n", "has no genes"),
        ("a,b\n1,2\n", "has no column gene"),
    ],
)
def test_a_panel_with_an_unclear_gene_is_refused(
    tmp_path: Path, table: GeneTable, text: str, message: str
):
    panel = tmp_path / "panel.txt"
    panel.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_panel(panel, table)


@pytest.mark.shared
def test_the_genes_of_the_public_comparison(shared: Path):
    table = load_genes(shared / "genomics" / "gnomad_gene_counts.tsv")
    assert isinstance(table, GeneTable)
    assert table.find("Entrez:8085") == table.find("kmt2d") == table.find("HGNC:7133")
