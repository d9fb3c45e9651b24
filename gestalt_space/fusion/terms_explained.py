"""The terms' part of a line, term by term.

The score of a disorder is the sum of its terms' ratios. That of a gene is the mean of two: of all
its annotations taken as one disorder's, and of its disorders, whose ratios are added up. So a term
counts with the mean of its ratios for the gene and for the gene's best disorder; the rest is what
the other disorders add.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gestalt_space.fusion.fused import FusedLine, FusedRanking
from gestalt_space.fusion.parts import DIGITS, TermShare, TermsPart
from gestalt_space.phenotype.query import Query
from gestalt_space.phenotype.ranking import Ranker, TermEvidence


class TermsExplained:
    """The evidence of a patient's terms for lines of a ranking."""

    def __init__(self, ranker: Ranker, query: Query) -> None:
        self._ranker, self._query = ranker, query
        self._totals = ranker.scores(query).disorders

    def disorders(self, ranking: FusedRanking) -> FusedRanking:
        """A ranking of disorders whose lines have the share of each term."""
        place_of = self._ranker.release.annotations.place_of_disorder
        return replace(
            ranking, lines=tuple(self._line(one, place_of.get(one.id)) for one in ranking.lines)
        )

    def genes(self, ranking: FusedRanking) -> FusedRanking:
        """A ranking of genes whose lines have the share of each term."""
        annotations = self._ranker.release.annotations
        place_of, before = annotations.place_of_gene, len(annotations.disorders)
        lines = []
        for one in ranking.lines:
            place = place_of.get(one.id.upper())
            lines.append(self._line(one, None if place is None else before + place))
        return replace(ranking, lines=tuple(lines))

    def _line(self, line: FusedLine, column: int | None) -> FusedLine:
        part = line.parts["terms"]
        if column is None or part.why is not None or not isinstance(part, TermsPart):
            return line
        evidence = tuple(self._evidence(column))
        # Sums are rounded, not each share, so that the shares add up to the part.
        sums = np.cumsum([0.0, *(one.log10_ratio for one in evidence)]) * part.weight
        rounded = np.round(sums, DIGITS).tolist()
        if column < len(self._ranker.release.annotations.disorders):
            rounded[-1] = part.log10_ratio
        explained = replace(
            part,
            shares=tuple(map(TermShare, evidence, _differences(rounded))),
            other_disorders=_plain(part.log10_ratio - rounded[-1]),
        )
        return replace(line, parts={**line.parts, "terms": explained})

    def _evidence(self, column: int) -> Iterator[TermEvidence]:
        ranker, annotations = self._ranker, self._ranker.release.annotations
        own = ranker.evidence(self._query, column)
        if column < len(annotations.disorders):
            yield from own
            return
        disorders = annotations.gene_disorders[column - len(annotations.disorders)]
        best: dict[str, float] = {}
        if len(disorders):
            closest = int(disorders[int(np.argmax(self._totals[disorders]))])
            best = {one.id: one.log10_ratio for one in ranker.evidence(self._query, closest)}
        means = [
            replace(one, log10_ratio=(one.log10_ratio + best.get(one.id, 0.0)) / 2) for one in own
        ]
        yield from sorted(means, key=lambda one: (not one.is_present, -one.log10_ratio, one.id))


def _differences(sums: Sequence[float]) -> list[float]:
    """Of each from the one before."""
    return [_plain(after - before) for before, after in pairwise(sums)]


def _plain(value: float) -> float:
    """A value as it is shown, without a minus before 0."""
    return round(value, DIGITS) + 0.0
