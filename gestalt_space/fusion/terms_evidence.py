"""The evidence of HPO terms: the ratios by which terms alone rank, weaker where there are many.

The ratio of a patient is the product of those of the terms, as if each were found independently of
the others in patients with a disorder. They are not: the ratio of 20 terms is far too high.
`INDEPENDENT` terms is what a patient's terms count as at the most; excluded terms count as a
quarter of one, as in their ratios. It is the number by which the true disorder of published
patients is most probable on average, by terms and exome, on half of the papers
(benchmarks/fusion.py). In the bound of a total they count as `CAREFUL` terms: the highest number of
those tried with which no range of bounds was worth less than its lower end, on the same half.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gestalt_space.fusion.parts import DIGITS, TermsPart
from gestalt_space.phenotype.likelihood import EXCLUDED_WEIGHT
from gestalt_space.phenotype.query import Query
from gestalt_space.phenotype.ranking import Ranker

INDEPENDENT = 4.0
CAREFUL = 1.5
_NO_DISORDER = TermsPart(0.0, "HPO has no phenotypes of this disorder")
_NO_GENE = TermsPart(0.0, "HPO has no phenotypes of this gene")


def counted_terms(query: Query) -> float:
    """How many terms a query counts as: excluded ones with the weight that their ratios have."""
    return len(query.present) + EXCLUDED_WEIGHT * len(query.excluded)


def weight_of(query: Query, independent: float) -> float:
    """By which the score of a query is multiplied, 0..1, if its terms count as so many independent
    ones at the most."""
    return round(min(1.0, independent / max(counted_terms(query), 1.0)), DIGITS)


class TermsEvidence:
    """The parts of a patient's terms, by the places of disorders and genes; None where HPO does not
    have one."""

    def __init__(self, ranker: Ranker, query: Query) -> None:
        scores = ranker.scores(query)
        self.weight = weight_of(query, INDEPENDENT)
        self._careful = weight_of(query, CAREFUL)
        disorders = ranker.release.annotations.disorders
        self._has_phenotypes = ranker.release.profiles.has_any[: len(disorders)]
        self._disorders = np.round(scores.disorders, DIGITS)
        self._genes = np.round(scores.genes, DIGITS)

    def of_disorder(self, place: int | None) -> TermsPart:
        """The part of a disorder."""
        if place is None or not self._has_phenotypes[place]:
            return _NO_DISORDER
        return self._part(self._disorders, place)

    def of_gene(self, place: int | None) -> TermsPart:
        """The part of a gene."""
        return _NO_GENE if place is None else self._part(self._genes, place)

    def _part(self, scores: NDArray[np.float64], place: int) -> TermsPart:
        score = float(scores[place])
        part, careful = (round(score * one, DIGITS) for one in (self.weight, self._careful))
        return TermsPart(part, score=score, weight=self.weight, careful=careful)
