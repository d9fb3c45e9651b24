"""Scores of genes as documents and tables."""

from __future__ import annotations

from gestalt_space.documents.form import filled
from gestalt_space.documents.gene_scores import (
    FilterForm,
    GeneScoreForm,
    GeneScoresDocument,
    GeneVariantForm,
    VariantCountsForm,
)
from gestalt_space.genomics.exome import ExomeScores
from gestalt_space.genomics.gene_scores import GeneScore, GeneVariant
from gestalt_space.genomics.info_fields import best_number
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table

GENE_SCORE_COLUMNS = (
    Column("rank", "integer"),
    Column("gene"),
    Column("hgnc_id", readers="programs", whole=True),
    Column("entrez_id", readers="programs", whole=True),
    Column("score", "number", shown=".1f", title="CADD"),
    Column("how", least=1),
    Column("variants", whole=True),
    Column("effect", least=3),
    Column("frequency", "number", shown=".2g", least=2),
    Column("count", "integer", title="variants in gene", least=0),
)


def gene_scores_document(found: ExomeScores) -> GeneScoresDocument:
    """The scores of all genes of a VCF."""
    header = found.header
    return {
        "document": "gene-scores",
        "version": 1,
        "file": display_name(header.name),
        "sample": header.sample,
        "build": header.build,
        "annotation": header.annotation,
        "mode": found.inheritance.mode,
        "sex": found.inheritance.sex,
        "counts": filled(VariantCountsForm, found.counts),
        "total": found.total,
        "filters": [filled(FilterForm, step) for step in found.steps],
        "emptied": found.emptied,
        "gene_table": found.gene_table or None,
        "notes": list(found.notes),
        "genes": [_gene_form(one) for one in found.genes],
    }


def gene_scores_table(found: ExomeScores) -> Table:
    """The genes with their scores and the variants that make them."""
    table = Table(GENE_SCORE_COLUMNS)
    for one in found.genes:
        table.add_row(
            one.rank,
            one.gene.symbol,
            one.gene.hgnc_id or None,
            one.gene.entrez_id or None,
            one.score,
            one.how,
            [shown.variant.name for shown in one.variants],
            ", ".join(dict.fromkeys("&".join(shown.consequence.effects) for shown in one.variants)),
            best_number(shown.variant.frequency for shown in one.variants),
            one.count,
        )
    return table


def _gene_form(one: GeneScore) -> GeneScoreForm:
    gene = one.gene
    return filled(
        GeneScoreForm,
        one,
        symbol=gene.symbol,
        hgnc_id=gene.hgnc_id or None,
        entrez_id=gene.entrez_id or None,
        variants=[_variant_form(shown) for shown in one.variants],
    )


def _variant_form(shown: GeneVariant) -> GeneVariantForm:
    consequence = shown.consequence
    return filled(
        GeneVariantForm,
        shown.variant,
        effects=list(consequence.effects),
        impact=consequence.impact,
        transcript=consequence.transcript,
        hgvs=consequence.hgvs,
    )
