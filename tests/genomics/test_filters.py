from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gestalt_space.errors import UsageError
from gestalt_space.genomics.annotated_genes import AnnotatedGenes
from gestalt_space.genomics.consequences import Consequence
from gestalt_space.genomics.filters import FilterChain, FilterPlan
from gestalt_space.genomics.genes import GeneSymbols
from gestalt_space.genomics.inheritance import MODES, Inheritance, Mode, Sex, parse_mode, parse_sex
from gestalt_space.genomics.vcf import SampleVariant

NOTHING = FilterPlan(only_pass=False, min_impact=None, max_frequency=None)


def variant(**facts: Any) -> SampleVariant:
    given: dict[str, Any] = {
        "chromosome": "1",
        "position": 10_000_000,
        "ref": "A",
        "alt": "G",
        "copies": 1,
        "ploidy": 2,
        "haplotype": None,
        "phase_set": None,
        "quality": 50.0,
        "depth": 30,
        "filters": ("PASS",),
        "cadd": 20.0,
        "frequency": 0.001,
        "consequences": (Consequence(("missense_variant",), "moderate", "KMT2D"),),
    }
    return SampleVariant(**given | facts)


def chain_of(plan: FilterPlan, *variants: SampleVariant) -> tuple[FilterChain, list[SampleVariant]]:
    chain = FilterChain(plan, AnnotatedGenes(GeneSymbols()))
    return chain, list(chain.passed(variants))


@pytest.mark.parametrize(
    ("plan", "kept", "lost", "unknown"),
    [
        ({"only_pass": True}, {"filters": ("PASS",)}, {"filters": ("q10",)}, {"filters": ()}),
        ({"min_quality": 50}, {"quality": 50.0}, {"quality": 49.9}, {"quality": None}),
        ({"min_depth": 20}, {"depth": 20}, {"depth": 19}, {"depth": None}),
        ({"max_frequency": 0.01}, {"frequency": 0.01}, {"frequency": 0.011}, {"frequency": None}),
        (
            {"min_impact": "moderate"},
            {},
            {"consequences": (Consequence(("intron_variant",), "modifier", "KMT2D"),)},
            {"consequences": ()},
        ),
        (
            {"min_impact": "moderate"},
            {"consequences": (Consequence(("stop_gained",), "high", "KMT2D"),)},
            {"consequences": (Consequence(("synonymous_variant",), "low", "KMT2D"),)},
            {"consequences": (Consequence(("new_term",), None, "KMT2D"),)},
        ),
    ],
)
def test_what_a_filter_cannot_judge_is_kept_and_counted(
    plan: dict[str, Any], kept: dict[str, Any], lost: dict[str, Any], unknown: dict[str, Any]
):
    given = [variant(**facts) for facts in (kept, lost, unknown)]
    chain, found = chain_of(replace(NOTHING, **plan), *given)
    assert found == [given[0], given[2]]
    (step,) = chain.steps
    assert (chain.total, step.left, step.unknown) == (3, 2, 1)
    assert step.keeps


def test_filters_come_in_their_order_and_count_what_is_left():
    plan = FilterPlan(
        min_quality=10,
        min_depth=10,
        panel=frozenset({"KMT2D"}),
        inheritance=Inheritance("dominant"),
    )
    other = Consequence(("stop_gained",), "high", "NIPBL")
    chain, found = chain_of(
        plan,
        variant(filters=("q10",)),
        variant(quality=1.0),
        variant(depth=1),
        variant(consequences=()),
        variant(frequency=0.5),
        variant(consequences=(other,)),
        variant(copies=2),
        variant(consequences=(other, *variant().consequences)),
    )
    assert [(step.name, step.left) for step in chain.steps] == [
        ("FILTER", 7),
        ("quality", 6),
        ("depth", 5),
        ("effect", 5),
        ("frequency", 4),
        ("panel", 2),
        ("inheritance", 1),
    ]
    # What is left of a variant is what it does to genes of the panel.
    assert [[one.symbol for one in left.consequences] for left in found] == [["KMT2D"]]
    assert chain.emptied == ""


def test_a_panel_of_symbols_keeps_genes_that_vep_gives_an_identifier():
    effect = Consequence(("stop_gained",), "high", "KMT2D", "ENSG00000167548", "HGNC:7133")
    plan = replace(NOTHING, panel=frozenset({"KMT2D"}))
    _, found = chain_of(plan, variant(consequences=(effect,)))
    assert len(found) == 1


def test_the_filter_that_left_nothing_is_named():
    chain, found = chain_of(
        FilterPlan(min_depth=100), *[variant(depth=None)] * 2, *[variant(filters=("x",))] * 3
    )
    assert (len(found), chain.emptied) == (2, "")
    chain, found = chain_of(
        FilterPlan(min_depth=100), variant(), variant(), variant(filters=("x",))
    )
    assert found == []
    assert chain.emptied == (
        "0 of 3 variants are left: the filter «depth» removed the last 2 variants. It keeps: 100 "
        "reads or more."
    )
    assert chain_of(FilterPlan())[0].emptied == "The sample has no variants."


AUTOSOME = {"chromosome": "1"}
X = {"chromosome": "X", "position": 50_000_000}
SHARED_X = {"chromosome": "X", "position": 1_000_000}
HET, HOM, HEMI = {"copies": 1}, {"copies": 2}, {"copies": 1, "ploidy": 1}


@pytest.mark.parametrize(
    ("mode", "sex", "place", "fitting"),
    [
        ("any", None, AUTOSOME, "het hom hemi"),
        ("any", None, {"chromosome": "MT"}, "het hom hemi"),
        ("dominant", None, AUTOSOME, "het"),
        ("dominant", None, X, ""),
        ("dominant", None, SHARED_X, "het"),
        ("dominant", None, {"chromosome": "MT"}, ""),
        ("recessive", None, AUTOSOME, "het hom hemi"),
        ("recessive", None, X, ""),
        ("recessive", None, {"chromosome": "Y"}, ""),
        ("compound-heterozygous", None, AUTOSOME, "het"),
        ("x-dominant", None, X, "het hom hemi"),
        ("x-dominant", None, AUTOSOME, ""),
        ("x-dominant", None, SHARED_X, ""),
        ("x-recessive", "male", X, "hom hemi"),
        ("x-recessive", "female", X, "het hom hemi"),
        ("x-recessive", "male", AUTOSOME, ""),
    ],
)
def test_genotypes_that_fit_a_mode(
    mode: Mode, sex: Sex | None, place: dict[str, Any], fitting: str
):
    inheritance = Inheritance(mode, sex, "GRCh37")
    found = [
        name
        for name, genotype in {"het": HET, "hom": HOM, "hemi": HEMI}.items()
        if inheritance.fits(variant(**place | genotype))
    ]
    assert " ".join(found) == fitting


def test_modes_and_sexes_by_name():
    assert [parse_mode(name.upper()) for name in MODES] == [*MODES]
    assert (parse_sex("F"), parse_sex("male"), parse_sex(None)) == ("female", "male", None)
    for wrong in (lambda: parse_mode("x"), lambda: parse_sex("x")):
        with pytest.raises(UsageError, match="Unknown"):
            wrong()
    with pytest.raises(UsageError, match="depends on the sex"):
        Inheritance("x-recessive")
