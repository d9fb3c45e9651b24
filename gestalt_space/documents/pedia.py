"""`gestalt train pedia` and `gestalt genomics pedia`: genes ranked by several scores together."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.figures import EstimateForm
from gestalt_space.documents.form import Form


class PediaFeatureForm(Form):
    """A score. `kind`: whether higher or lower is closer. `low`, `high`: the range over the
    training cases, of negated values for a distance. `missing`: the share of rows without it."""

    name: str
    kind: Literal["similarity", "distance"]
    low: float
    high: float
    missing: float
    weight: float


class PediaModelForm(Form):
    """A model. `c`: of the support vector machine; `gene_table`: null for none."""

    features: list[PediaFeatureForm]
    intercept: float
    c: float
    cases: int
    causal_genes: int
    gene_table: str | None


class PediaAccuracyForm(Form):
    """Accuracy with some of the scores: the share of cases whose causal gene is first, or among
    the first ten."""

    title: str
    features: list[str]
    top1: EstimateForm
    top10: EstimateForm


class PediaTrainedDocument(Form):
    """A trained model. `folder`: of the model. `accuracy`: by cross-validation, by causal gene in
    `folds`; C chosen in `inner` folds by case. `chance`: of an order at random."""

    document: Literal["pedia-trained"]
    version: Literal[1]
    folder: str
    model: PediaModelForm
    rows: int
    folds: int
    inner: int
    chance: float
    accuracy: list[PediaAccuracyForm]
    notes: list[str]


class PediaPartForm(Form):
    """What a score adds to a gene: `contribution` is `weight` times `scaled`. `value`: null where
    the table has none; then `scaled` is 0."""

    feature: str
    value: float | None
    scaled: float
    weight: float
    contribution: float


class PediaGeneForm(Form):
    """A gene. The score is the intercept and all contributions, summed up. `rank`: from 1; equal
    scores have the worst."""

    rank: int
    symbol: str
    hgnc_id: str | None
    entrez_id: str | None
    score: float
    parts: list[PediaPartForm]


class PediaCaseForm(Form):
    """A case. `candidates`: how many genes were ranked; `missing`: how many of them lack a score,
    by its name."""

    case: str
    candidates: int
    missing: dict[str, int]
    genes: list[PediaGeneForm]


class PediaDocument(Form):
    """Genes ranked by a PEDIA model."""

    document: Literal["pedia"]
    version: Literal[1]
    model: PediaModelForm
    cases: list[PediaCaseForm]
