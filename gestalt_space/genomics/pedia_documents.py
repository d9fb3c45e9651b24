"""Trainings and rankings of PEDIA as documents and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gestalt_space.documents.figures import estimate_form
from gestalt_space.documents.form import filled
from gestalt_space.documents.pedia import (
    PediaAccuracyForm,
    PediaCaseForm,
    PediaDocument,
    PediaFeatureForm,
    PediaGeneForm,
    PediaModelForm,
    PediaPartForm,
    PediaTrainedDocument,
)
from gestalt_space.genomics.pedia_card import share_text
from gestalt_space.genomics.pedia_model import PediaModel, RankedCase, RankedGene
from gestalt_space.genomics.pedia_training import TOPS, PediaTraining
from gestalt_space.paths import display_name
from gestalt_space.tables.table import Column, Table


def pedia_trained_document(found: PediaTraining, folder: Path) -> PediaTrainedDocument:
    """A trained model."""
    return {
        "document": "pedia-trained",
        "version": 1,
        "folder": display_name(folder),
        "model": _model_form(found.model),
        "rows": found.rows,
        "folds": found.folds,
        "inner": found.inner,
        "chance": round(found.chance, 4),
        "accuracy": [
            filled(
                PediaAccuracyForm,
                one,
                top1=estimate_form(one.tops[1], 4),
                top10=estimate_form(one.tops[10], 4),
            )
            for one in found.accuracy
        ],
        "notes": list(found.notes),
    }


def accuracy_table(found: PediaTraining) -> Table:
    """Accuracy with all scores, without each, and with each alone."""
    table = Table([Column("scores"), *(Column(f"top-{k}", whole=True) for k in TOPS)])
    for one in found.accuracy:
        table.add_row(one.title, *(share_text(one.tops[k]) for k in TOPS))
    return table


def pedia_document(
    model: PediaModel, cases: Sequence[RankedCase], top: int | None
) -> PediaDocument:
    """Ranked genes, the first `top` of each case; all for None."""
    return {
        "document": "pedia",
        "version": 1,
        "model": _model_form(model),
        "cases": [
            filled(
                PediaCaseForm,
                one,
                candidates=len(one.genes),
                genes=[_gene_form(gene) for gene in one.genes[:top]],
            )
            for one in cases
        ],
    }


def pedia_table(model: PediaModel, cases: Sequence[RankedCase], top: int | None) -> Table:
    """The same as a table: for each gene its score, and what each of the model's scores adds."""
    table = Table(
        [
            Column("case"),
            Column("rank", "integer"),
            Column("gene"),
            Column("hgnc_id", readers="programs"),
            Column("entrez_id", readers="programs"),
            Column("score", "number", shown=".3f"),
            Column("intercept", "number", shown=".3f", least=0),
            *(Column(name, "number", shown="+.3f") for name in model.names),
            Column("missing"),
        ]
    )
    for one in cases:
        for gene in one.genes[:top]:
            table.add_row(
                one.case,
                gene.rank,
                gene.gene.symbol,
                gene.gene.hgnc_id or None,
                gene.gene.entrez_id or None,
                gene.score,
                round(model.intercept, 6),
                *(part.contribution for part in gene.parts),
                [part.feature for part in gene.parts if part.value is None],
            )
    return table


def _model_form(model: PediaModel) -> PediaModelForm:
    return filled(
        PediaModelForm,
        model,
        features=[filled(PediaFeatureForm, one) for one in model.features],
        gene_table=model.gene_table or None,
    )


def _gene_form(one: RankedGene) -> PediaGeneForm:
    return filled(
        PediaGeneForm,
        one,
        symbol=one.gene.symbol,
        hgnc_id=one.gene.hgnc_id or None,
        entrez_id=one.gene.entrez_id or None,
        parts=[filled(PediaPartForm, part) for part in one.parts],
    )
