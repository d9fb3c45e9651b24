"""Matches and exomes of patients who do not exist."""

from __future__ import annotations

from gestalt_space.genomics.gene_scores import GeneScore
from gestalt_space.genomics.genes import Gene
from gestalt_space.match.answer import MatchLine
from gestalt_space.ranking.calibration import LikelihoodRatio

FEW = "the gallery has too few patients who share a disorder"


def line(
    id_: str,
    value: float | None = None,
    lower: float = 0.0,
    why: str | None = FEW,
    borrowed: float | None = None,
) -> MatchLine:
    """A line of a match; without a ratio for `why`, but perhaps with a `borrowed` one."""
    ratio = None if value is None else LikelihoodRatio(value, lower)
    return MatchLine(
        rank=1,
        id=id_,
        name=f"Name of {id_}",
        similarity=0.5,
        patient="P1",
        patients=1,
        photos=1,
        score=0.5,
        likelihood_ratio=ratio,
        no_ratio=why if ratio is None else None,
        borrowed_ratio=borrowed,
    )


def gene(symbol: str, score: float | None, entrez_id: str = "") -> GeneScore:
    """A gene with one candidate variant."""
    return GeneScore(Gene(symbol, "", entrez_id), 1, score, "one variant", (), 1, score is None)
