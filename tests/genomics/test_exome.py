from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from gestalt_space.genomics.exome import ExomeScores, score_exome
from gestalt_space.genomics.filters import FilterPlan
from gestalt_space.genomics.genes import Gene, GeneSymbols, GeneTable
from gestalt_space.genomics.inheritance import Inheritance
from tests.genomics.made_vcf import header, line, write


def scored(path: Path, lines: list[str], plan: FilterPlan | None = None) -> ExomeScores:
    return score_exome(write(path, lines), plan or FilterPlan(), GeneSymbols())


def peak_of(path: Path, count: int) -> int:
    """Peak of memory, in bytes, of as many variants in fifty genes, none of them filtered out."""
    path = write(path, [line(pos=n, gene=f"G{n % 50}", cadd=n % 37) for n in range(1, count + 1)])
    plan = FilterPlan(inheritance=Inheritance("recessive"))
    tracemalloc.start()
    found = score_exome(path, plan, GeneSymbols())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.genes) == 50
    return peak


def test_memory_does_not_grow_with_the_lines(tmp_path: Path):
    score_exome(write(tmp_path / "a.vcf", [line()]), FilterPlan(), GeneSymbols())
    few, many = (peak_of(tmp_path / f"{count}.vcf", count) for count in (1_000, 8_000))
    # What other tests left to be freed meanwhile is no more than this; a line kept would be.
    assert many < few + 20 * 7_000


def test_what_a_user_should_know_is_said(tmp_path: Path):
    lines = [line(pos=9), line(pos=5), line(pos=7, gt="./."), line("chrUn_1", 5)]
    notes = " ".join(scored(tmp_path / "a.vcf", lines).notes)
    assert "The VCF is not sorted" in notes
    assert "Left out: 1 line without a genotype" in notes
    assert "Left out: 1 line on contigs" in notes
    assert "No gene table is given" in notes


def test_no_pair_in_any_gene_is_said(tmp_path: Path):
    plan = FilterPlan(inheritance=Inheritance("compound-heterozygous"))
    found = scored(tmp_path / "a.vcf", [line(gene="AAA1"), line(pos=200, gene="BBB1")], plan)
    assert (found.genes, found.emptied) == ((), "")
    assert any("No gene has variants that fit" in note for note in found.notes)


def test_scores_do_not_depend_on_the_order_of_the_lines(tmp_path: Path):
    lines = [
        line(pos=n, gene=f"G{n % 3}", cadd=n * 7 % 11, gt=("0/1", "1|0", "0|1", "1/1")[n % 4])
        for n in range(1, 25)
    ]
    plan = FilterPlan(inheritance=Inheritance("recessive"))
    one = scored(tmp_path / "a.vcf", lines, plan).genes
    other = scored(tmp_path / "b.vcf", lines[::-1], plan).genes
    assert one == other


@pytest.mark.parametrize("order", ["each line twice", "the file twice"])
def test_repeated_lines_make_no_pairs(tmp_path: Path, order: str):
    lines = [line(pos=n, gene=f"G{n}") for n in range(1, 5)]
    twice = [one for one in lines for _ in range(2)] if order == "each line twice" else lines * 2
    plan = FilterPlan(inheritance=Inheritance("compound-heterozygous"))
    found = scored(tmp_path / "a.vcf", twice, plan)
    assert found.genes == ()
    notes = " ".join(found.notes)
    if order == "each line twice":
        assert found.total == found.counts.repeated == 4
        assert "Left out as repeated: 4 variants." in notes
    else:
        assert "A repeated variant is found only next to the first" in notes


def test_an_ambiguous_symbol_has_its_genes(tmp_path: Path):
    one, other = Gene("AAA1", "HGNC:1"), Gene("BBB1", "HGNC:2")
    table = GeneTable("genes.txt", [(one, ["OLD"]), (other, ["OLD", "RARE"])])
    lines = [line(pos=1, gene="OLD"), line(pos=2, gene="BBB1"), line(pos=3, gene="RARE")]
    found = score_exome(write(tmp_path / "a.vcf", lines), FilterPlan(), table)
    assert found.ambiguous == {"OLD": (one, other)}


def test_chromosomes_without_variants_are_named(tmp_path: Path):
    lines = [line(name) for name in ("1", "chr2", "3", "6", *map(str, range(8, 22)), "MT")]
    lines += [line("5", gt="0/0"), line("22", gt="./.")]
    found = scored(tmp_path / "a.vcf", lines)
    assert found.empty_chromosomes == ("4", "5", "7", "22", "X")
    assert any("no variant on chromosome 4, 5, 7, 22, X:" in note for note in found.notes)
    lines += [line(name) for name in ("4", "5", "7", "22", "X")]
    found = scored(tmp_path / "b.vcf", lines)
    assert found.empty_chromosomes == ()
    assert not any("no variant on" in note for note in found.notes)


def test_a_missing_annotation_is_the_reason_that_no_gene_is_scored(tmp_path: Path):
    lines = [line(pos=1, info="CADD_PHRED=20"), line(pos=2, info=".")]
    found = scored(tmp_path / "a.vcf", lines)
    told = "2 of 2 variants have no annotation (ANN)"
    assert told in found.emptied
    assert "Annotate the VCF" in found.emptied
    assert not any("fit the mode of inheritance" in note for note in found.notes)
    # Those that are annotated do not pass, and the others have no gene.
    synonymous = line(pos=3, effect="synonymous_variant")
    found = scored(tmp_path / "b.vcf", [*lines, synonymous])
    assert "2 of 3 variants have no annotation (ANN)" in found.emptied
    found = score_exome(
        write(tmp_path / "c.vcf", [line(info=".")], header(fields={})), FilterPlan(), GeneSymbols()
    )
    assert "1 of 1 variants have no annotation (ANN or CSQ)" in found.emptied
    # With a gene, nothing is amiss but that some have none.
    found = scored(tmp_path / "d.vcf", [*lines, line(pos=4)])
    assert (found.emptied, len(found.genes)) == ("", 1)
    assert "2 variants without an annotation." in found.notes
