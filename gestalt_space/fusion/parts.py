"""What each kind of evidence adds to a line: log10 likelihood ratios, to four decimals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from gestalt_space.phenotype.ranking import TermEvidence

PartName: TypeAlias = Literal["photo", "terms", "exome"]
PARTS: tuple[PartName, ...] = get_args(PartName)
DIGITS = 4
"""A total is the sum of the very numbers that are shown."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a total. `why`: what it lacks; `log10_ratio` is 0 where that is all evidence.
    `is_withheld`: there is something to compare with, but too little to give a ratio.
    """

    log10_ratio: float
    why: str | None = None
    is_withheld: bool = False


@dataclass(frozen=True, slots=True)
class PhotoPart(Part):
    """The photo's part. `lower`: the ratio's one-sided 95 % lower bound, as a log10; None where it
    has none. `disorder`: which one of the gallery was compared. Where the ratio is withheld, the
    part is that of disorders with fewer patients, if these have one: lines are ordered by it.
    """

    lower: float | None = None
    disorder: str | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class TermShare:
    """What a term `adds` to a part. `evidence`: what it says about the disorder or the gene."""

    evidence: TermEvidence
    adds: float


@dataclass(frozen=True, slots=True)
class TermsPart(Part):
    """The terms' part: `score`, the log10 ratio by which terms alone rank, times `weight`, 0..1.
    `careful`: what it is in the bound of a total, with fewer independent terms.

    `shares`: of each term; empty where it is not explained, or where there is no evidence.
    `other_disorders`: what the disorders of a gene other than the best one add. The part is the sum
    of it and of the shares.
    """

    score: float | None = None
    weight: float = 1.0
    careful: float = 0.0
    shares: tuple[TermShare, ...] = ()
    other_disorders: float = 0.0


@dataclass(frozen=True, slots=True)
class ExomePart(Part):
    """The exome's part: `candidate`, that the gene has a candidate variant or has none, and `cadd`,
    how high its CADD score is. `gene`: whose; None where no gene is known. `score`: CADD; None
    where it is missing. `variants`: those that make the score. `genes`: of a disorder, over which
    ratios are averaged; `gene` is the one with the highest, and `averaged` what the mean takes
    away. The sum of `candidate`, `cadd` and `averaged` is the part.
    """

    candidate: float = 0.0
    cadd: float = 0.0
    gene: str | None = None
    score: float | None = None
    variants: tuple[str, ...] = ()
    averaged: float = 0.0
    genes: int = 1
