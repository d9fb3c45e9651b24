"""From a VCF to scores of genes: read, filtered and scored in one way through the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gestalt_space.counts import counted_text
from gestalt_space.genomics.annotated_genes import (
    AnnotatedGenes,
    meanings_of_ambiguous,
    refuse_ambiguous,
)
from gestalt_space.genomics.builds import AUTOSOMES, Build
from gestalt_space.genomics.filters import FilterChain, FilterPlan, FilterStep
from gestalt_space.genomics.gene_scores import GeneScore, score_genes
from gestalt_space.genomics.genes import Gene, GeneNames
from gestalt_space.genomics.info_fields import MAX_CADD
from gestalt_space.genomics.inheritance import Inheritance
from gestalt_space.genomics.vcf import VcfCounts, VcfHeader, VcfReader


@dataclass(frozen=True, slots=True)
class ExomeScores:
    """What a VCF gave. `total`: variants of the sample before the filters `steps`; `emptied`: what
    to say where they left none, or none with an annotation, else empty. `notes`: what a user should
    know, in sentences. `ambiguous`: symbols of variants that passed the filters, which mean several
    genes, with these.
    """

    header: VcfHeader
    counts: VcfCounts
    inheritance: Inheritance
    total: int
    steps: tuple[FilterStep, ...]
    emptied: str
    genes: tuple[GeneScore, ...]
    gene_table: str
    notes: tuple[str, ...]
    ambiguous: Mapping[str, tuple[Gene, ...]] = field(default_factory=dict)

    @property
    def empty_chromosomes(self) -> tuple[str, ...]:
        """Autosomes and X, where the sample has no variant there."""
        return _empty_chromosomes(self.counts)


def score_exome(
    path: Path,
    plan: FilterPlan,
    names: GeneNames,
    sample: str | None = None,
    build: Build | None = None,
    name: str = "",
) -> ExomeScores:
    """The scores of the genes of a sample. `name`: of the file, where it is not that of the path.

    Raises `UsageError` and `TableDamaged`, as `VcfReader` does.
    """
    reader = VcfReader(path, sample, build, name)
    inheritance = replace(plan.inheritance, build=reader.header.build)
    genes = AnnotatedGenes(names)
    chain = FilterChain(replace(plan, inheritance=inheritance), genes)
    scores = score_genes(chain.passed(reader), inheritance, genes)
    emptied = _unannotated(reader, chain, scores) or chain.emptied
    return ExomeScores(
        reader.header,
        reader.counts,
        inheritance,
        chain.total,
        chain.steps,
        emptied,
        scores,
        names.source,
        tuple(_notes(reader, genes, is_fitting=bool(emptied or scores))),
        meanings_of_ambiguous(genes),
    )


def _empty_chromosomes(counts: VcfCounts) -> tuple[str, ...]:
    return tuple(one for one in (*AUTOSOMES, "X") if one not in counts.chromosomes)


def _unannotated(reader: VcfReader, chain: FilterChain, scores: tuple[GeneScore, ...]) -> str:
    """What to say where no gene is scored because annotations are missing; empty otherwise."""
    counts = reader.counts
    if scores or chain.annotated or not counts.without_consequence:
        return ""
    if chain.emptied and counts.without_consequence < counts.alleles:
        return ""
    others = counts.without_consequence < counts.alleles
    return (
        f"No gene can be scored: {counts.without_consequence:,} of {counts.alleles:,} variants "
        f"have no annotation ({reader.header.annotation or 'ANN or CSQ'})"
        f"{', and no other one passed the filters' if others else ''}. "
        "Annotate the VCF with VEP, SnpEff or Jannovar."
    )


def _notes(reader: VcfReader, genes: AnnotatedGenes, *, is_fitting: bool) -> Iterator[str]:
    counts = reader.counts
    yield from reader.header.notes
    if not counts.is_sorted:
        yield (
            "The VCF is not sorted. The scores do not depend on its order. A repeated variant is "
            "found only next to the first; elsewhere it may be counted twice, but makes no pair."
        )
    if counts.repeated:
        repeated = counted_text(counts.repeated, "variant")
        yield f"Left out as repeated: {repeated}. The same position and allele counts once."
    if counts.elsewhere:
        lines = counted_text(counts.elsewhere, "line")
        yield f"Left out: {lines} on contigs that are not chromosomes 1 to 22, X, Y or MT."
    if counts.not_called:
        yield f"Left out: {counted_text(counts.not_called, 'line')} without a genotype."
    if counts.alleles and (empty := _empty_chromosomes(counts)):
        yield (
            f"The VCF has no variant on chromosome {', '.join(empty)}: it may be a part of an "
            "exome, and genes there are missing."
        )
    if counts.without_consequence:
        yield f"{counted_text(counts.without_consequence, 'variant')} without an annotation."
    if reader.header.fields.cadd and counts.without_cadd:
        yield (
            f"CADD is missing for {counted_text(counts.without_cadd, 'variant')}, of which "
            f"{counts.indels_without_cadd:,} insert or delete bases. A missing score is not a low "
            "one: look at the genes without a score, too."
        )
    if counts.impossible_cadd:
        yield (
            f"Not used: CADD scores outside 0 to {MAX_CADD}, of "
            f"{counted_text(counts.impossible_cadd, 'variant')}."
        )
    if sentence := refuse_ambiguous(genes):
        yield sentence
    if genes.unknown:
        yield f"{genes.names.source} does not have {counted_text(len(genes.unknown), 'gene')}."
    if not genes.names.source:
        yield "No gene table is given: genes have the names of the annotation."
    if not is_fitting:
        yield "No gene has variants that fit the mode of inheritance together."
