"""Gene symbols, and what spreadsheets make of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.errors import UsageError
from gestalt_space.gallery.intake.genes import read_gene, split_genes


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        *(("kmt2d", "KMT2D"), ("KMT2D", "KMT2D"), ("Kmt2d", "KMT2D"), ("HLA-a", "HLA-A")),
        *(("c1orf112", "C1orf112"), ("C1ORF112", "C1orf112"), ("cxorf56", "CXorf56")),
        *(("nkx2-1", "NKX2-1"), ("mt-nd1", "MT-ND1"), ("t", "T"), ("ＮＩＰＢＬ", "NIPBL")),
        *(("SEPTIN9", "SEPTIN9"), ("MARCHF1", "MARCHF1"), ("MARS1", "MARS1"), ("DEC1", "DEC1")),
        *(("SIM1", "SIM1"), ("JUN", "JUN"), ("SET", "SET"), ("ENSG00000164190", "ENSG00000164190")),
    ],
)
def test_symbols_are_in_hgnc_s_casing(text: str, symbol: str) -> None:
    found = read_gene(text)
    assert (found.value, found.note) == (symbol, "")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("9-Sep", "SEPTIN9"), ("Sep-09", "SEPTIN9"), ("09. Sep", "SEPTIN9")),
        *(("9-sept", "SEPTIN9"), ("2-Sep-2023", "SEPTIN2"), ("1-Mar", "MARCHF1 or MTARC1")),
        *(("01. Mrz", "MARCHF1 or MTARC1"), ("8-Mar", "MARCHF8"), ("1-Dec", "DELEC1")),
        *(("2023-09-09", "SEPTIN9"), ("09/09/2023", "SEPTIN9"), ("9/2/2023", "SEPTIN2")),
        *(("02.09.2023", "SEPTIN2"), ("2023-09-09 00:00:00", "SEPTIN9"), ("44805", "SEPTIN1")),
        ("44805.0", "SEPTIN1"),
    ],
)
def test_what_a_spreadsheet_made_is_refused_and_the_gene_named(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match="a spreadsheet has changed the gene symbol") as caught:
        read_gene(text)
    assert f"perhaps {meant}." in caught.value.hint


@pytest.mark.parametrize("text", ["25836", "1", "25-Dec", "1-Jan"])
def test_numbers_and_dates_without_a_gene_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="symbol") as caught:
        read_gene(text)
    assert "perhaps" not in caught.value.hint


@pytest.mark.parametrize("text", ["KMT2D c.5269C>T", "NIPBL?", "KMT2D KDM6A", "HGNC:28862"])
def test_what_is_no_symbol_is_kept_and_noted(text: str) -> None:
    found = read_gene(text)
    assert found.value == text
    assert "does not look like a gene symbol" in found.note


def test_no_symbol_holds_a_sign_that_separates() -> None:
    assert split_genes("KMT2D,KDM6A") == ["KMT2D", "KDM6A"]
    assert split_genes("KMT2D/KDM6A| NIPBL;N/A;SMC3、HDAC8，") == [
        *("KMT2D", "KDM6A", "NIPBL", "SMC3", "HDAC8")
    ]
    assert split_genes("09/09/2023, NIPBL") == ["09/09/2023", "NIPBL"]
    assert split_genes(None) == []


@given(st.text(max_size=20))
def test_any_text_has_a_spelling_that_stays_or_is_refused(text: str) -> None:
    try:
        found = read_gene(text)
    except UsageError:
        return
    assert read_gene(found.value) == found
