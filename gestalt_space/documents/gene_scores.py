"""`gestalt genomics score`: the scores of genes from a VCF, and how variants were filtered."""

from __future__ import annotations

from typing import Literal

from gestalt_space.documents.form import Form


class VariantCountsForm(Form):
    """What was read. `lines`: of the file; `elsewhere`: on other contigs than chromosomes;
    `reference`: without an alternate allele of the sample; `repeated`: with the same position and
    allele as another one. `alleles`: the sample's alternate alleles, each once; `without_…`:
    those of which the VCF does not say it; `impossible_cadd`: with a score that CADD cannot give,
    which counts as missing."""

    lines: int
    elsewhere: int
    not_called: int
    reference: int
    repeated: int
    alleles: int
    indels: int
    without_cadd: int
    indels_without_cadd: int
    impossible_cadd: int
    without_frequency: int
    without_consequence: int


class FilterForm(Form):
    """A filter. `keeps`: in words; `left`: how many variants passed it; `unknown`: those of them
    that it could not judge, because the VCF does not say."""

    name: str
    keeps: str
    left: int
    unknown: int


class GeneVariantForm(Form):
    """A variant that makes the score of a gene. `cadd`: CADD's scaled score; `frequency`: the
    highest over populations, 0..1; null where the VCF does not say."""

    name: str
    chromosome: str
    position: int
    ref: str
    alt: str
    genotype: Literal["heterozygous", "homozygous", "hemizygous"]
    cadd: float | None
    frequency: float | None
    effects: list[str]
    impact: Literal["high", "moderate", "low", "modifier"] | None
    transcript: str
    hgvs: str


class GeneScoreForm(Form):
    """A gene. `rank`: from 1; equal scores have the worst. `score`: the CADD score of `variants`,
    the lower one of two; null where it is missing. `hgnc_id`, `entrez_id`: null where unknown.
    `count`: variants that passed the filters, of which `without_cadd` have no score."""

    rank: int | None
    symbol: str
    hgnc_id: str | None
    entrez_id: str | None
    score: float | None
    how: Literal["one variant", "homozygous", "hemizygous", "two heterozygous"]
    variants: list[GeneVariantForm]
    count: int
    without_cadd: int


class GeneScoresDocument(Form):
    """The scores of genes from a VCF. `build`: null where nothing tells; `annotation`: the field;
    `total`: variants before the filters; `emptied`: which filter left none, or that annotations are
    missing, else empty. `gene_table`: null where genes have the names of the annotation."""

    document: Literal["gene-scores"]
    version: Literal[1]
    file: str
    sample: str
    build: Literal["GRCh37", "GRCh38"] | None
    annotation: str
    mode: str
    sex: Literal["female", "male"] | None
    counts: VariantCountsForm
    total: int
    filters: list[FilterForm]
    emptied: str
    gene_table: str | None
    notes: list[str]
    genes: list[GeneScoreForm]
