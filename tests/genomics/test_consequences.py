from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.errors import UsageError
from gestalt_space.genomics.consequences import (
    EFFECTS,
    IMPACTS,
    ann_reader,
    csq_reader,
    impact_of,
    is_at_least,
)
from tests.genomics.made_vcf import CSQ_COLUMNS, ann, csq

FORMAT = f"Consequence annotations from Ensembl VEP. Format: {CSQ_COLUMNS}"
WORDS = st.text(
    st.characters(exclude_characters="|,;=%&\t\r\n ", exclude_categories=["C", "Z"]), max_size=8
)


def test_an_entry_of_ann():
    text = f"{ann('KMT2D', 'stop_gained&splice_region_variant', 'T', '8085')},{ann('DHH')}"
    (one,) = ann_reader()(text, "C", ["T", "A"], 0)
    assert (one.symbol, one.gene_id, one.impact) == ("KMT2D", "8085", "high")
    assert one.effects == ("stop_gained", "splice_region_variant")
    assert one.hgvs == "NM_1.1:c.1A>G:p.X1Y"
    assert ann_reader()(text, "C", ["T", "A"], 1) == []


def test_an_entry_of_csq():
    cells = {"HGNC_ID": "HGNC:7133", "Gene": "ENSG00000167548", "CADD_PHRED": "31.5"}
    text = csq("T", Feature="NM_1.1", HGVSp="NP_1.1:p.Arg1%3D", MAX_AF="0.02", **cells)
    (one,) = csq_reader(FORMAT)(text, "C", ["T"], 0)
    assert (one.symbol, one.gene_id, one.hgnc_id) == ("KMT2D", "ENSG00000167548", "HGNC:7133")
    assert (one.cadd, one.frequency, one.impact) == (31.5, 0.02, "moderate")
    assert one.hgvs == "NM_1.1:p.Arg1="


@pytest.mark.parametrize(
    ("ref", "alts", "alleles"),
    [
        ("C", ["T"], ["T"]),
        ("C", ["T", "G"], ["T", "G"]),
        ("CA", ["C"], ["-"]),
        ("C", ["CAT"], ["AT"]),
        ("CA", ["C", "CAT"], ["-", "AT"]),
        ("CA", ["GA", "C"], ["GA", "C"]),
        ("CAT", ["C", "*"], ["-", "*"]),
    ],
)
def test_alleles_as_vep_writes_them(ref: str, alts: list[str], alleles: list[str]):
    text = ",".join(csq(allele, SYMBOL=f"G{n}") for n, allele in enumerate(alleles))
    for place in range(len(alts)):
        assert [one.symbol for one in csq_reader(FORMAT)(text, ref, alts, place)] == [f"G{place}"]


def test_the_number_of_the_allele_goes_before_its_letters():
    read = csq_reader(f"{FORMAT}|ALLELE_NUM")
    text = f"{csq('X')}|2,{csq('G', SYMBOL='OTHER')}|1"
    assert [one.symbol for one in read(text, "A", ["G", "T"], 1)] == ["KMT2D"]


@pytest.mark.parametrize("description", ["", "no columns", "Format: Allele|Consequence|Gene"])
def test_a_header_that_does_not_describe_csq_is_refused(description: str):
    with pytest.raises(UsageError, match="describes the field CSQ without the column"):
        csq_reader(description)


@pytest.mark.parametrize(
    ("effects", "given", "impact"),
    [
        (["missense_variant", "splice_region_variant"], "", "moderate"),
        (["STOP_GAINED"], "LOW", "high"),
        (["a_new_term"], "HIGH", "high"),
        (["a_new_term"], "", None),
        ([""], "", None),
    ],
)
def test_the_impact_of_effects(effects: list[str], given: str, impact: str | None):
    assert impact_of(effects, given) == impact


def test_impacts_are_ordered():
    ranks = [[is_at_least(one, least) for least in IMPACTS] for one in IMPACTS]
    assert ranks == [[column >= row for column in range(4)] for row in range(4)]
    assert set(EFFECTS.values()) == set(IMPACTS)


ENTRIES = st.lists(
    st.tuples(st.sampled_from("ACGT"), st.sampled_from(sorted(EFFECTS)), WORDS, WORDS), max_size=6
)


@given(entries=ENTRIES, alts=st.permutations("ACG").map(lambda alts: alts[:2]))
def test_what_is_written_as_ann_is_read(entries: list[tuple[str, ...]], alts: list[str]):
    text = ",".join(
        f"{allele}|{effect}|LOW|{gene}|{number}|transcript|NM|Coding|1/1|c|p"
        for allele, effect, gene, number in entries
    )
    for place, alt in enumerate(alts):
        found = ann_reader()(text, "T", alts, place)
        assert [(one.effects, one.symbol, one.gene_id) for one in found] == [
            ((effect,), gene, number) for allele, effect, gene, number in entries if allele == alt
        ]


@given(entries=ENTRIES)
def test_what_is_written_as_csq_is_read(entries: list[tuple[str, ...]]):
    text = ",".join(
        csq(allele, effect, SYMBOL=gene, Gene=number) for allele, effect, gene, number in entries
    )
    found = csq_reader(FORMAT)(text, "T", ["A", "C"], 1)
    assert [(one.effects, one.symbol, one.gene_id) for one in found] == [
        ((effect,), gene, number) for allele, effect, gene, number in entries if allele == "C"
    ]


@given(text=st.text(st.characters(exclude_characters="\0"), max_size=40))
def test_no_text_of_an_annotation_ends_the_reading(text: str):
    for read in (ann_reader(), csq_reader(FORMAT)):
        for one in read(text, "A", ["G"], 0):
            assert one.impact in (*IMPACTS, None)
