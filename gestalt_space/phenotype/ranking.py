"""From a patient's terms to a ranking of disorders and of genes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gestalt_space.errors import UsageError
from gestalt_space.phenotype.likelihood import NEUTRAL, Likelihoods
from gestalt_space.phenotype.ontology import Rows
from gestalt_space.phenotype.query import Query
from gestalt_space.phenotype.release import Release
from gestalt_space.phenotype.significance import Significance
from gestalt_space.phenotype.similarity import (
    MEASURES,
    Measure,
    Similarities,
    best_matches,
    information_content,
)

Method: TypeAlias = "Literal['likelihood', 'phenomizer'] | Measure"
LIKELIHOOD: Final = "likelihood"
PHENOMIZER: Final = "phenomizer"
METHODS: tuple[Method, ...] = (LIKELIHOOD, PHENOMIZER, *MEASURES)
DATABASES = ("OMIM", "ORPHA", "DECIPHER")
_LARGEST_LOG = 300.0
"""Ratios beyond 1e300 are written as that: JSON has no infinity."""


@dataclass(frozen=True, slots=True)
class TermEvidence:
    """What a term says about a disorder.

    `log10_ratio`: the logarithm of its likelihood ratio. `matched`, `matched_name`: the term that
    it was compared by, itself or an ancestor; None where nothing links it to the disorder.
    `frequency`: how often the disorder has that term; `background`: how often disorders have it.
    """

    id: str
    name: str
    is_present: bool
    log10_ratio: float
    matched: str | None
    matched_name: str | None
    frequency: float
    background: float | None


@dataclass(frozen=True, slots=True)
class DisorderLine:
    """A disorder in a ranking. `likelihood_ratio`: 10 to the power of the score, for likelihoods
    alone; `p`: for the Phenomizer's ranking alone. The score is the sum of the `log10_ratio` of
    the evidence, where that was asked for. `tied`: how many disorders are ranked by the same
    score and `p`, with this one."""

    rank: int
    id: str
    name: str
    score: float
    likelihood_ratio: float | None
    p: float | None
    evidence: tuple[TermEvidence, ...]
    tied: int = 1


@dataclass(frozen=True, slots=True)
class GeneLine:
    """A gene in a ranking. `disorder`, `disorder_name`: the one of its disorders that fits best.
    `tied`: how many ranked genes have this score, with this one."""

    rank: int
    symbol: str
    entrez_id: str
    score: float
    disorder: str
    disorder_name: str
    tied: int = 1


@dataclass(frozen=True, slots=True)
class Candidates:
    """Genes that alone are ranked. `places`: of those that have annotations; `unknown`: as they
    were given, those that have none."""

    places: NDArray[np.int32]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """`disorders` `(d,)`, `genes` `(g,)`: higher is closer. `p` `(d,)`: where there are p values;
    then these rank, and the scores where they are equal."""

    disorders: NDArray[np.float64]
    genes: NDArray[np.float64]
    p: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first disorders and genes for a patient; ties are in the order of identifiers.

    `ranked`: how many disorders were ranked. `unknown_candidates`: genes that were to be ranked,
    and have no annotations.
    """

    disorders: tuple[DisorderLine, ...]
    genes: tuple[GeneLine, ...]
    ranked: int
    unknown_candidates: tuple[str, ...] = ()


class Ranker:
    """Ranks the disorders and genes of a release of HPO.

    `method`: `likelihood`, sums of log10 likelihood ratios; `resnik`, `lin` and `jiang-conrath`,
    one-sided best-match averages; `phenomizer`, p values of symmetric averages by Resnik.
    `databases`: whose disorders are ranked. OMIM alone is the default: ORPHA has most of its
    disorders again, and groups of them, so that each would be listed twice. Genes always have the
    annotations of both. `unrelated`: see `Likelihoods`. Raises `UsageError`.
    """

    def __init__(
        self,
        release: Release,
        *,
        method: Method = LIKELIHOOD,
        databases: Sequence[str] = ("OMIM",),
        unrelated: float = NEUTRAL,
        seed: int = 0,
    ) -> None:
        _check("method", [method], METHODS)
        _check("database", databases, DATABASES)
        self.release = release
        self.method: Method = method
        annotations, profiles = release.annotations, release.profiles
        count = len(annotations.disorders)
        prefixes = tuple(f"{name}:" for name in databases)
        is_asked = np.array([id_.startswith(prefixes) for id_ in annotations.disorders], np.bool_)
        self._ranked = np.flatnonzero(is_asked & profiles.has_any[:count])
        self._likelihoods = Likelihoods(release.ontology, profiles, release.background, unrelated)
        genes = np.zeros(len(annotations.genes), np.bool_)
        among = np.concatenate([release.is_omim, genes])
        self._similarities = Similarities(release.ontology, information_content(profiles, among))
        self._significance = Significance(
            self._similarities,
            Rows(profiles.own.starts[: count + 1], profiles.own.values),
            np.unique(profiles.own.values),
            seed=seed,
        )

    def candidates(self, genes: Iterable[str]) -> Candidates:
        """Genes by symbol or as `Entrez:…`, each once."""
        places, unknown = self.release.annotations.place_of_gene, []
        found: dict[int, None] = {}
        for gene in dict.fromkeys(genes):
            if (place := places.get(gene.strip().upper())) is None:
                unknown.append(gene)
            else:
                found[place] = None
        return Candidates(np.array(sorted(found), np.int32), tuple(unknown))

    def scores(self, query: Query) -> Scores:
        """The scores of all disorders and genes of the release."""
        count = len(self.release.annotations.disorders)
        if self.method == LIKELIHOOD:
            totals = self._likelihoods.total(query.present, query.excluded)
            return Scores(totals[:count], self._gene_scores(totals))
        own = self.release.profiles.own
        if self.method == PHENOMIZER:
            measure: Measure = "resnik"
            is_symmetric = True
        else:
            measure, is_symmetric = self.method, False
        matrix = self._similarities.matrix(query.present, measure)
        found = best_matches(matrix, own, is_symmetric=is_symmetric)
        p = self._significance.p_values(found[:count], len(query.present)) if is_symmetric else None
        rounded = np.asarray(np.round(found, 6), np.float64)
        return Scores(rounded[:count], rounded[count:], p)

    def rank(
        self,
        query: Query,
        top: int = 10,
        candidates: Candidates | None = None,
        *,
        explain: bool = False,
    ) -> Ranking:
        """The first `top` disorders and genes; `explain`: with the evidence of each term."""
        scores = self.scores(query)
        at, places = scores.disorders[self._ranked], self._ranked
        order = np.argsort(-at, kind="stable")
        if scores.p is not None:
            order = order[np.argsort(scores.p[places][order], kind="stable")]
        genes = np.arange(len(scores.genes)) if candidates is None else candidates.places
        gene_order = genes[np.argsort(-scores.genes[genes], kind="stable")[:top]]
        return Ranking(
            tuple(
                self._disorder(rank, int(place), scores, query if explain else None)
                for rank, place in enumerate(places[order[:top]], start=1)
            ),
            tuple(
                self._gene(rank, int(place), scores, genes)
                for rank, place in enumerate(gene_order, start=1)
            ),
            len(places),
            () if candidates is None else candidates.unknown,
        )

    def evidence(self, query: Query, column: int) -> tuple[TermEvidence, ...]:
        """What each term says about a column of the profiles: those of the disorders, then those of
        the genes. Present terms first, the highest ratio first."""
        found = [self._term(column, term, is_present=True) for term in query.present]
        found += [self._term(column, term, is_present=False) for term in query.excluded]
        return tuple(sorted(found, key=lambda one: (not one.is_present, -one.log10_ratio, one.id)))

    def _gene_scores(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of two log10 ratios of each gene: of its disorders, whose ratios are added up,
        and of all its annotations taken as one disorder's."""
        annotations = self.release.annotations
        rows = annotations.gene_disorders
        each = totals[rows.values]
        filled = np.flatnonzero(np.diff(rows.starts))
        starts = rows.starts[:-1][filled]
        highest = np.maximum.reduceat(each, starts) if len(starts) else each
        shifted = 10.0 ** (each - np.repeat(highest, np.diff(rows.starts)[filled]))
        own = totals[len(annotations.disorders) :]
        found = own / 2
        if len(starts):
            found[filled] += (highest + np.log10(np.add.reduceat(shifted, starts))) / 2
        return np.round(found, 6)

    def _disorder(
        self, rank: int, place: int, scores: Scores, explained: Query | None
    ) -> DisorderLine:
        annotations = self.release.annotations
        score = float(scores.disorders[place])
        is_ratio = self.method == LIKELIHOOD
        is_equal = scores.disorders == score
        if scores.p is not None:
            is_equal &= scores.p == scores.p[place]
        return DisorderLine(
            rank,
            annotations.disorders[place],
            annotations.disorder_names[place],
            score,
            10.0 ** float(np.clip(score, -_LARGEST_LOG, _LARGEST_LOG)) if is_ratio else None,
            None if scores.p is None else float(scores.p[place]),
            self.evidence(explained, place) if explained and is_ratio else (),
            int(np.count_nonzero(is_equal[self._ranked])),
        )

    def _term(self, column: int, term: int, *, is_present: bool) -> TermEvidence:
        ontology = self.release.ontology
        matched = self._likelihoods.matched(term, column, is_present=is_present)
        by = matched.term
        return TermEvidence(
            ontology.id_of(term),
            ontology.names[term],
            is_present,
            round(float(self._likelihoods.of(term, is_present=is_present)[column]), 4),
            None if by is None else ontology.id_of(by),
            None if by is None else ontology.names[by],
            _six_digits(matched.share),
            None if by is None else _six_digits(float(self.release.background[by])),
        )

    def _gene(self, rank: int, place: int, scores: Scores, among: NDArray[np.integer]) -> GeneLine:
        annotations = self.release.annotations
        disorders = annotations.gene_disorders[place]
        best = disorders[int(np.argmax(scores.disorders[disorders]))] if len(disorders) else None
        return GeneLine(
            rank,
            annotations.gene_symbols[place],
            f"Entrez:{annotations.genes[place]}",
            float(scores.genes[place]),
            "" if best is None else annotations.disorders[best],
            "" if best is None else annotations.disorder_names[best],
            int(np.count_nonzero(scores.genes[among] == scores.genes[place])),
        )


def _six_digits(value: float) -> float:
    """A share as accurately as single precision has it."""
    return float(f"{value:.6g}")


def _check(what: str, values: Iterable[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            raise UsageError(f"Unknown {what} {value!r}.", f"Choose one of: {', '.join(known)}.")
