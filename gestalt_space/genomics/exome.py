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
from gestalt_space.genomics.builds import Build
from gestalt_space.genomics.filters import FilterChain, FilterPlan, FilterStep
from gestalt_space.genomics.gene_scores import GeneScore, score_genes
from gestalt_space.genomics.genes import Gene, GeneNames
from gestalt_space.genomics.inheritance import Inheritance
from gestalt_space.genomics.vcf import VcfCounts, VcfHeader, VcfReader


@dataclass(frozen=True, slots=True)
class ExomeScores:
    """What a VCF gave. `total`: variants of the sample before the filters `steps`; `emptied`: what
    to say where they left none, else empty. `notes`: what a user should know, in sentences.
    `ambiguous`: symbols of variants that passed the filters, which mean several genes, with these.
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


def score_exome(
    path: Path,
    plan: FilterPlan,
    names: GeneNames,
    sample: str | None = None,
    build: Build | None = None,
) -> ExomeScores:
    """The scores of the genes of a sample.

    Raises `UsageError` and `TableDamaged`, as `VcfReader` does.
    """
    reader = VcfReader(path, sample, build)
    inheritance = replace(plan.inheritance, build=reader.header.build)
    genes = AnnotatedGenes(names)
    chain = FilterChain(replace(plan, inheritance=inheritance), genes)
    scores = score_genes(chain.passed(reader), inheritance, genes)
    return ExomeScores(
        reader.header,
        reader.counts,
        inheritance,
        chain.total,
        chain.steps,
        chain.emptied,
        scores,
        names.source,
        tuple(_notes(reader, chain, genes, scores)),
        meanings_of_ambiguous(genes),
    )


def _notes(
    reader: VcfReader, chain: FilterChain, genes: AnnotatedGenes, scores: tuple[GeneScore, ...]
) -> Iterator[str]:
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
    if not reader.header.annotation:
        yield (
            "The variants have no annotation (ANN or CSQ), so that no gene can be scored. "
            "Annotate the VCF with VEP, SnpEff or Jannovar."
        )
    elif counts.without_consequence:
        yield f"{counted_text(counts.without_consequence, 'variant')} without an annotation."
    if reader.header.fields.cadd and counts.without_cadd:
        yield (
            f"CADD is missing for {counted_text(counts.without_cadd, 'variant')}, of which "
            f"{counts.indels_without_cadd:,} insert or delete bases. A missing score is not a low "
            "one: look at the genes without a score, too."
        )
    if sentence := refuse_ambiguous(genes):
        yield sentence
    if genes.unknown:
        yield f"{genes.names.source} does not have {counted_text(len(genes.unknown), 'gene')}."
    if not genes.names.source:
        yield "No gene table is given: genes have the names of the annotation."
    if not chain.emptied and not scores:
        yield "No gene has variants that fit the mode of inheritance together."
