from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_space.genomics.annotated_genes import AnnotatedGenes
from gestalt_space.genomics.consequences import Consequence
from gestalt_space.genomics.gene_scores import GeneScore, score_genes
from gestalt_space.genomics.genes import Gene, GeneSymbols, GeneTable
from gestalt_space.genomics.inheritance import Inheritance, Mode
from gestalt_space.genomics.ranks import worst_ranks
from gestalt_space.genomics.vcf import SampleVariant
from tests.genomics.test_filters import variant

RECESSIVE = Inheritance("recessive")


def scored(variants: list[SampleVariant], inheritance: Inheritance) -> dict[str, GeneScore]:
    fitting = [one for one in variants if inheritance.fits(one)]
    found = score_genes(fitting, inheritance, AnnotatedGenes(GeneSymbols()))
    return {one.gene.symbol: one for one in found}


def effect(symbol: str, impact: str = "moderate") -> Consequence:
    return Consequence(("missense_variant",), impact, symbol)  # type: ignore[arg-type]


def at(position: int, cadd: float | None, copies: int = 1, **more: object) -> SampleVariant:
    return variant(position=position, cadd=cadd, copies=copies, **more)


def test_the_best_variant_makes_the_score():
    found = scored([at(1, 10), at(2, 30), at(3, None)], Inheritance())["KMT2D"]
    assert (found.score, found.how, found.count, found.without_cadd) == (30, "one variant", 3, 1)
    assert [one.variant.position for one in found.variants] == [2]


@pytest.mark.parametrize(
    ("variants", "score", "how", "positions"),
    [
        ([at(1, 30), at(2, 20), at(3, 10)], 20, "two heterozygous", [1, 2]),
        ([at(1, 30), at(2, 25, 2)], 25, "homozygous", [2]),
        ([at(1, 30), at(2, 5, 2), at(3, 20)], 20, "two heterozygous", [1, 3]),
        # On one copy of the chromosome: no pair.
        ([at(1, 30, haplotype=0), at(2, 20, haplotype=0)], "none", "", []),
        ([at(n, 40 - n, haplotype=n // 3) for n in range(6)], 37, "two heterozygous", [0, 3]),
        # In two phase sets: perhaps a pair.
        (
            [at(1, 30, haplotype=0, phase_set=1), at(2, 20, haplotype=0, phase_set=2)],
            20,
            "two heterozygous",
            [1, 2],
        ),
        ([at(1, 30, haplotype=0), at(2, 20)], 20, "two heterozygous", [1, 2]),
        ([at(1, 30)], "none", "", []),
        # One of the two has no score: the lower one is not known.
        ([at(1, 30), at(2, None)], None, "two heterozygous", [1, 2]),
        ([at(1, 30), at(2, None), at(3, 4)], 4, "two heterozygous", [1, 3]),
        ([at(1, None, 2)], None, "homozygous", [1]),
        ([at(1, None, 2), at(2, 9), at(3, 8)], 8, "two heterozygous", [2, 3]),
    ],
)
def test_both_copies_have_to_be_hit(
    variants: list[SampleVariant], score: float | str | None, how: str, positions: list[int]
):
    found = scored(variants, RECESSIVE).get("KMT2D")
    if found is None:
        assert score == "none"
        return
    assert (found.score, found.how) == (score, how)
    assert [one.variant.position for one in found.variants] == positions


def test_a_variant_counts_in_all_its_genes_with_the_worst_it_does_there():
    effects = (effect("AAA1", "low"), effect("BBB1", "low"), effect("AAA1", "high"))
    found = scored([variant(consequences=effects)], Inheritance())
    assert [*found] == ["AAA1", "BBB1"]
    assert found["AAA1"].variants[0].consequence.impact == "high"


def test_genes_without_a_score_come_last_and_have_no_rank():
    variants = [
        variant(consequences=(effect(symbol),), cadd=cadd)
        for symbol, cadd in (("A", None), ("B", 5.0), ("C", 9.0), ("D", 5.0), ("E", 0.0))
    ]
    found = scored(variants, Inheritance())
    ranks = [(one.gene.symbol, one.rank) for one in found.values()]
    assert ranks == [("C", 1), ("B", 3), ("D", 3), ("E", 4), ("A", None)]


def test_equal_scores_take_the_worst_rank():
    assert worst_ranks([1.0, None, 3.0, 1.0, 2.0]) == [4, None, 1, 4, 2]
    assert worst_ranks([]) == []
    assert worst_ranks([7.0] * 5) == [5] * 5


def test_a_gene_is_known_by_its_identifier_and_an_ambiguous_symbol_has_none():
    one, other = Gene("AAA1", "HGNC:1", "Entrez:11"), Gene("BBB1", "HGNC:2", "Entrez:12")
    table = GeneTable("genes.txt", [(one, ["OLD", "SHARED"]), (other, ["SHARED"])])
    genes = AnnotatedGenes(table)

    def of(symbol: str, gene_id: str = "", hgnc_id: str = "") -> Gene | None:
        return genes.gene_of(Consequence((), None, symbol, gene_id, hgnc_id))

    assert of("OLD") == of("SHARED", "11") == of("whatever", "", "HGNC:1") == one
    assert of("BBB1", "99") == of("x", "", "2") == other
    assert of("NEW", "7") == Gene("NEW", "", "Entrez:7")
    assert of("") is of("SHARED") is None
    assert (genes.ambiguous, genes.unknown) == ({"SHARED"}, {"NEW"})


def test_without_a_table_a_symbol_is_one_gene_whatever_identifiers_come_with_it():
    effects = [
        Consequence(("missense_variant",), "moderate", "KMT2D", "ENSG00000167548", "HGNC:7133"),
        Consequence(("stop_gained",), "high", "KMT2D", "8085"),
    ]
    found = scored([variant(consequences=tuple(effects))], Inheritance())
    assert [(one.gene.symbol, one.gene.hgnc_id) for one in found.values()] == [
        ("KMT2D", "HGNC:7133")
    ]
    variants = [variant(position=n, consequences=(one,)) for n, one in enumerate(effects)]
    found = scored(variants, RECESSIVE)
    assert found["KMT2D"].how == "two heterozygous"


def oracle(variants: list[SampleVariant], mode: Mode) -> float | str | None:
    """The best score over single variants, and over all pairs that may lie on both copies."""
    best: float | str | None = "none"

    def take(score: float | None) -> None:
        nonlocal best
        known = isinstance(best, float)
        if score is None:
            best = best if known else None
        elif not isinstance(best, float) or score > best:
            best = score

    for one in variants:
        is_het = one.copies < one.ploidy
        if mode == "any" or (mode == "dominant" and is_het) or (mode == "recessive" and not is_het):
            take(one.cadd)
    if mode in ("recessive", "compound-heterozygous"):
        for one, other in combinations([one for one in variants if one.copies == 1], 2):
            same_copy = (
                one.haplotype is not None
                and one.haplotype == other.haplotype
                and one.phase_set == other.phase_set
            )
            if not same_copy:
                both = (one.cadd, other.cadd)
                take(None if None in both else min(filter(lambda x: x is not None, both)))  # type: ignore[type-var]
    return best


VARIANTS = st.lists(
    st.builds(
        lambda cadd, copies, haplotype, phase_set: (cadd, copies, haplotype, phase_set),
        st.none() | st.integers(0, 6).map(float),
        st.sampled_from([1, 1, 1, 2]),
        st.sampled_from([None, 0, 1]),
        st.sampled_from([None, 5]),
    ),
    max_size=8,
)


@pytest.mark.parametrize("mode", ["any", "dominant", "recessive", "compound-heterozygous"])
@given(facts=VARIANTS)
def test_scores_are_those_of_plain_loops(mode: Mode, facts: list[tuple[object, ...]]):
    variants = [
        variant(position=n, cadd=cadd, copies=copies, haplotype=haplotype, phase_set=phase_set)
        if haplotype is not None and copies == 1
        else variant(position=n, cadd=cadd, copies=copies)
        for n, (cadd, copies, haplotype, phase_set) in enumerate(facts)
    ]
    found = scored(variants, Inheritance(mode)).get("KMT2D")
    assert ("none" if found is None else found.score) == oracle(variants, mode)
    if found is not None and found.score is not None:
        # The score is made from the variants that are shown, and from nothing else.
        assert found.score == min(one.variant.cadd or 0.0 for one in found.variants)


@pytest.mark.parametrize(
    "repeats",
    [
        [at(1, 30), at(1, 30)],
        [at(1, 30), at(2, None), at(1, 30), at(2, None)],
        [at(1, 30, haplotype=0), at(1, 30, haplotype=1)],
        [at(1, 30, haplotype=0), at(1, 30)],
    ],
)
def test_a_variant_is_no_pair_with_itself(repeats: list[SampleVariant]):
    found = scored(repeats, RECESSIVE).get("KMT2D")
    positions = [] if found is None else [one.variant.position for one in found.variants]
    assert positions in ([], [1, 2])


def test_a_repeated_variant_leaves_room_for_its_pair():
    found = scored([at(1, 30), at(2, 20), at(1, 30), at(1, 30)], RECESSIVE)["KMT2D"]
    assert (found.score, [one.variant.position for one in found.variants]) == (20, [1, 2])
    assert found.count == 2
