"""Documents about the genes of patients who do not exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gestalt_space.genomics.consequences import Consequence
from gestalt_space.genomics.documents import gene_scores_document, gene_scores_table
from gestalt_space.genomics.exome import ExomeScores
from gestalt_space.genomics.filters import FilterStep
from gestalt_space.genomics.gene_scores import GeneScore, GeneVariant
from gestalt_space.genomics.genes import Gene
from gestalt_space.genomics.info_fields import InfoFields
from gestalt_space.genomics.inheritance import Inheritance
from gestalt_space.genomics.pedia_documents import (
    accuracy_table,
    pedia_document,
    pedia_table,
    pedia_trained_document,
)
from gestalt_space.genomics.pedia_model import (
    Feature,
    PediaModel,
    RankedCase,
    RankedGene,
    ScorePart,
)
from gestalt_space.genomics.pedia_training import PediaAccuracy, PediaTraining
from gestalt_space.genomics.vcf import SampleVariant, VcfCounts, VcfHeader
from gestalt_space.stats.estimates import Estimate
from gestalt_space.tables.table import Table

KMT2D, NIPBL = Gene("KMT2D", "HGNC:7133", "Entrez:8085"), Gene("NIPBL")
VARIANT = GeneVariant(
    SampleVariant(
        *("12", 49415846, "G", "A", 1, 2, None, None, 50.0, 31, ("PASS",), 38.0, None),
        consequences=(),
    ),
    Consequence(("stop_gained",), "high", "KMT2D", "8085", "", "NM_1.1", "NM_1.1:c.1G>A:p.(Q1*)"),
)
UNSCORED = GeneVariant(
    SampleVariant(
        *("5", 36877178, "C", "CA", 2, 2, None, None, None, None, (), None, 0.0001),
        consequences=(),
    ),
    Consequence(("frameshift_variant",), "high", "NIPBL"),
)
EXOME = ExomeScores(
    VcfHeader("exome.vcf.gz", "P1", "GRCh37", False, "ANN", InfoFields(("CADD_PHRED",), (), ())),
    VcfCounts(lines=5, reference=1, alleles=4, indels=1, without_cadd=1, indels_without_cadd=1),
    Inheritance("any", "female", "GRCh37"),
    4,
    (
        FilterStep("FILTER", "PASS or no entry", lambda one: (one, False), 4, 1),
        FilterStep("effect", "high impact on a gene", lambda one: (one, False), 2, 0),
    ),
    "",
    (
        GeneScore(KMT2D, 1, 38.0, "one variant", (VARIANT,), 1, 0),
        GeneScore(NIPBL, None, None, "homozygous", (UNSCORED,), 1, 1),
    ),
    "hgnc_complete_set.txt",
    ("A note.",),
)
MODEL = PediaModel(
    (
        Feature("gestalt", "similarity", -0.2, 0.8, 0.25, 1.5),
        Feature("distance", "distance", -1.2, -0.2, 0.0, 0.5),
    ),
    -1.25,
    0.0625,
    40,
    12,
)
CASES = (
    RankedCase(
        "P1",
        (
            RankedGene(
                KMT2D,
                1,
                -0.25,
                (
                    ScorePart("gestalt", 0.3, 0.5, 1.5, 0.75),
                    ScorePart("distance", 0.7, 0.5, 0.5, 0.25),
                ),
            ),
            RankedGene(
                NIPBL,
                2,
                -1.0,
                (
                    ScorePart("gestalt", None, 0.0, 1.5, 0.0),
                    ScorePart("distance", 0.7, 0.5, 0.5, 0.25),
                ),
            ),
        ),
        {"gestalt": 1, "distance": 0},
    ),
)
TRAINING = PediaTraining(
    MODEL,
    40,
    800,
    10,
    5,
    (
        PediaAccuracy(
            "all",
            MODEL.names,
            {1: Estimate(0.5, 0.4, 0.6), 10: Estimate(0.9, 0.8, 1.0)},
            (1, 2),
        ),
    ),
    0.05,
    ("A note.",),
)


def gene_documents() -> dict[str, Any]:
    """Documents by the names of their schemas."""
    return {
        "gene-scores": gene_scores_document(EXOME),
        "pedia": pedia_document(MODEL, CASES, None),
        "pedia-trained": pedia_trained_document(TRAINING, Path("pedia-model")),
    }


def gene_tables() -> dict[str, Table]:
    """Tables by the names of their golden files."""
    return {
        "gene-scores": gene_scores_table(EXOME),
        "pedia": pedia_table(MODEL, CASES, None),
        "pedia-accuracy": accuracy_table(TRAINING),
    }
