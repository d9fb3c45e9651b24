"""The fused part of a match: photo, terms and exome in one ranking of disorders and of genes."""

from __future__ import annotations

from typing import Literal, NotRequired

from gestalt_space.documents.form import Form
from gestalt_space.documents.phenotype_ranking import HpoForm, QueryTermsForm, TermEvidenceForm


class FusedPhotoForm(Form):
    """The photo's part. `log10_ratio`: 0 where `why` says that there is no evidence; `lower`: of
    the ratio's one-sided 95 % bound, as a log10, null where it has none. `disorder`: of the
    gallery, null where it has none; `withheld`: its ratio is withheld, and `log10_ratio` is that of
    disorders with fewer patients, by which the line is ordered; 0 if these have none."""

    log10_ratio: float
    why: str | None
    withheld: bool
    lower: float | None
    disorder: str | None
    similarity: float | None


class FusedTermForm(TermEvidenceForm):
    """What a term `adds` to the part: its `log10_ratio` times the weight. Of a gene, `log10_ratio`
    is the mean of the ratios for all annotations of the gene and for its best disorder."""

    adds: float


class FusedTermsForm(Form):
    """The part of the HPO terms: `score`, by which `phenotype rank` ranks, times `weight`, which is
    lower for many terms. It is also the sum of what each term of `evidence` adds, and of
    `other_disorders`: of a gene, what its disorders other than the best one add. `why`: there is no
    evidence, and why; then `score` is null."""

    log10_ratio: float
    why: str | None
    score: float | None
    weight: float
    evidence: list[FusedTermForm]
    other_disorders: float


class FusedExomeForm(Form):
    """The exome's part: the sum of `candidate`, whether the gene has candidate variants, of `cadd`,
    by its CADD `score`, null where that is missing, and of `averaged`: of a disorder, the mean
    ratio of its `genes` against the highest, as a log10. `gene`: the one with the highest; null
    where none is known. `why`: what is missing."""

    log10_ratio: float
    why: str | None
    candidate: float
    cadd: float
    gene: str | None
    score: float | None
    variants: list[str]
    averaged: float
    genes: int


class FusedPartsForm(Form):
    """The parts, of what was given."""

    photo: NotRequired[FusedPhotoForm]
    terms: NotRequired[FusedTermsForm]
    exome: NotRequired[FusedExomeForm]


class RankWithoutForm(Form):
    """The rank by all other parts."""

    photo: NotRequired[int]
    terms: NotRequired[int]
    exome: NotRequired[int]


class FusedLineForm(Form):
    """A disorder or a gene. `log10_ratio`: the sum of the parts and of `others`, the log10 of the
    mean ratio of all other lines, negated. Lines are ranked by it; equal ones take the worst rank,
    and `tied` is how many there are, with this one. `likelihood_ratio`: null where `no_ratio` says
    which part is withheld; `lower`: a bound of its log10, null where the photo's ratio has none."""

    rank: int
    tied: int
    id: str
    name: str
    log10_ratio: float
    likelihood_ratio: float | None
    lower: float | None
    no_ratio: str | None
    parts: FusedPartsForm
    others: float
    rank_without: RankWithoutForm


class FusedDisorderForm(FusedLineForm):
    """A disorder. `gene`: the symbol of the one of its genes that fits best; null where none is
    known."""

    gene: str | None


class FusedGeneForm(FusedLineForm):
    """A gene, by its symbol under `name`. `disorder`: the one of its disorders that fits best; null
    where none is known."""

    disorder: str | None
    disorder_name: str | None


class FusedExomeFileForm(Form):
    """The exome. `genes`: with candidate variants, of which HPO's annotations do not have
    `genes_not_in_hpo`; `variants`: before the filters; `is_exome`: false where a gene without a
    candidate says nothing, for example because there are few variants."""

    file: str
    sample: str
    build: Literal["GRCh37", "GRCh38"] | None
    variants: int
    genes: int
    genes_not_in_hpo: int
    is_exome: bool
    notes: list[str]


class FusedForm(Form):
    """Photo, terms and exome together. `by`: what was asked for first; `terms`, `exome`: null where
    they were not given; `assumptions`: what the ratios rest on; `notes`: contradictions of what was
    given, and stored terms that are used; `ranked_…`: how many were ranked."""

    version: Literal[1]
    by: Literal["disorder", "gene"]
    hpo: HpoForm
    sex: str | None
    age: float | None
    terms: QueryTermsForm | None
    exome: FusedExomeFileForm | None
    assumptions: list[str]
    notes: list[str]
    ranked_disorders: int
    ranked_genes: int
    disorders: list[FusedDisorderForm]
    genes: list[FusedGeneForm]
