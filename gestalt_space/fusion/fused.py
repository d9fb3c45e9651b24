"""The parts of all lines added up, against all other lines; and the rank of each line with and
without a part.

Each part compares a line with the average of patients, as if the parts, and the terms among
themselves, knew nothing of each other. So where the findings of a patient fit one disorder, they
fit many others better than average as well, and the sum of the parts is too high. The ratio of a
line is that sum less the mean of all other lines: what is likelier, that line, or any other?
That leaves the order as it is, and on published cases gives ratios that hold
(benchmarks/fusion.py).

The bound of a ratio has the photo's lower bound, and fewer independent terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gestalt_space.fusion.exome_evidence import ExomeEvidence
from gestalt_space.fusion.parts import DIGITS, PARTS, Part, PartName, PhotoPart, TermsPart
from gestalt_space.fusion.photo_evidence import PhotoEvidence, without_photo_of_gene
from gestalt_space.fusion.terms_evidence import TermsEvidence
from gestalt_space.match.answer import MatchLine
from gestalt_space.phenotype.query import Query
from gestalt_space.phenotype.ranking import Ranker

_LARGEST_LOG = 300.0
"""Ratios beyond 1e300 are written as that: JSON has no infinity."""
_SMALLEST = 1e-300

Parts = Mapping[PartName, Part]


@dataclass(frozen=True, slots=True)
class FusedLine:
    """A disorder or a gene. `log10_ratio`: the sum of the `parts` and of `others`, the log10 of the
    mean ratio of all other lines, negated. Lines are ranked by it, and equal ones take the worst
    rank. `likelihood_ratio`: 10 to the power of it; None where `no_ratio` says which part is
    withheld. `lower`: a bound of its log10; None where the photo's ratio has none. `rank_without`:
    the rank by all other parts. `disorder`, `disorder_name`: of a gene, the one of its disorders
    with the highest total; empty for a disorder. `gene`: of a disorder, the symbol of that one of
    its genes; empty for a gene, and where none is known. `tied`: how many lines have this ratio,
    with this one.
    """

    rank: int
    id: str
    name: str
    log10_ratio: float
    likelihood_ratio: float | None
    lower: float | None
    no_ratio: str | None
    parts: Parts
    others: float
    rank_without: Mapping[PartName, int]
    disorder: str = ""
    disorder_name: str = ""
    gene: str = ""
    tied: int = 1


@dataclass(frozen=True, slots=True)
class FusedRanking:
    """The first lines, and how many were ranked."""

    lines: tuple[FusedLine, ...]
    ranked: int


class Fusion:
    """The totals of all disorders and all genes for a patient.

    Disorders are those of OMIM that HPO has phenotypes of, and all of the match; genes those of HPO
    and of the exome. `photo`: all lines of the match by disorder, None without a photo; so
    are `query` and `exome`. At least one of them is given.
    """

    def __init__(
        self,
        ranker: Ranker,
        photo: Iterable[MatchLine] | None,
        query: Query | None,
        exome: ExomeEvidence | None,
    ) -> None:
        release = ranker.release
        self._annotations = annotations = release.annotations
        self._photo = None if photo is None else PhotoEvidence(photo, annotations)
        self._exome = exome
        self._terms = None if query is None else TermsEvidence(ranker, query)
        asked = np.flatnonzero(release.is_omim).tolist()
        names = {annotations.disorders[at]: annotations.disorder_names[at] for at in asked}
        if self._photo is not None:
            names = {**self._photo.names, **names}
        self._disorders = _Ranked(
            list(names), list(names.values()), [self._disorder_parts(id_) for id_ in names]
        )
        symbols = list(annotations.gene_symbols)
        unknown = [] if exome is None else exome.unknown
        ids = [f"Entrez:{number}" for number in annotations.genes.tolist()]
        self._genes = _Ranked(
            [*ids, *(one.gene.entrez_id or one.gene.symbol for one in unknown)],
            [*symbols, *(one.gene.symbol for one in unknown)],
            [
                *(self._gene_parts(place) for place in range(len(symbols))),
                *(self._unknown_parts(number) for number in range(len(unknown))),
            ],
        )

    def disorders(self, top: int | None = None) -> FusedRanking:
        """The first `top` disorders, all where None."""
        lines = tuple(self._disorders.lines(top))
        return FusedRanking(
            tuple(replace(line, gene=self._best_gene(line.id)) for line in lines),
            len(self._disorders.ids),
        )

    def genes(self, top: int | None = None) -> FusedRanking:
        """The first `top` genes, with the disorder of each that fits best."""
        lines = self._genes.lines(top, self._best_disorder)
        return FusedRanking(tuple(lines), len(self._genes.ids))

    def disorder(self, id_: str) -> FusedLine:
        """The line of a disorder that is ranked."""
        line = self._disorders.line(self._disorders.place_of[id_])
        return replace(line, gene=self._best_gene(id_))

    def disorder_ranks(self, parts: Sequence[PartName]) -> dict[str, int]:
        """The ranks of all disorders by some parts alone, by identifier."""
        return self._disorders.ranks_by(parts)

    def gene_ranks(self, parts: Sequence[PartName]) -> dict[str, int]:
        """The ranks of all genes by some parts alone, by identifier."""
        return self._genes.ranks_by(parts)

    def _disorder_parts(self, id_: str) -> Parts:
        place = self._annotations.place_of_disorder.get(id_)
        parts: dict[PartName, Part] = {}
        if self._photo is not None:
            parts["photo"] = self._photo.of_disorder(id_)
        if self._terms is not None:
            parts["terms"] = self._terms.of_disorder(place)
        if self._exome is not None:
            genes = () if place is None else self._annotations.disorder_genes[place].tolist()
            parts["exome"] = self._exome.of_genes(genes)
        return parts

    def _gene_parts(self, place: int) -> Parts:
        parts: dict[PartName, Part] = {}
        if self._photo is not None:
            parts["photo"] = self._photo.of_gene(place)
        if self._terms is not None:
            parts["terms"] = self._terms.of_gene(place)
        if self._exome is not None:
            parts["exome"] = self._exome.of_gene(place)
        return parts

    def _unknown_parts(self, number: int) -> Parts:
        """The parts of a gene of the exome that HPO does not have."""
        assert self._exome is not None, "unknown genes come from an exome"  # noqa: S101
        parts: dict[PartName, Part] = {}
        if self._photo is not None:
            parts["photo"] = without_photo_of_gene()
        if self._terms is not None:
            parts["terms"] = self._terms.of_gene(None)
        parts["exome"] = self._exome.of_candidate(self._exome.unknown[number])
        return parts

    def _best_disorder(self, gene: int) -> tuple[str, str]:
        if gene >= len(self._annotations.genes):
            return "", ""
        place_of = self._disorders.place_of
        best = max(
            (
                place_of[id_]
                for at in self._annotations.gene_disorders[gene].tolist()
                if (id_ := self._annotations.disorders[at]) in place_of
            ),
            key=lambda place: self._disorders.totals[place],
            default=None,
        )
        return (
            ("", "") if best is None else (self._disorders.ids[best], self._disorders.names[best])
        )

    def _best_gene(self, id_: str) -> str:
        place = self._annotations.place_of_disorder.get(id_)
        genes = () if place is None else self._annotations.disorder_genes[place].tolist()
        best = max(genes, key=lambda gene: self._genes.totals[gene], default=None)
        return "" if best is None else self._genes.names[best]


class _Ranked:
    """Lines with their parts, and their ranks."""

    def __init__(self, ids: Sequence[str], names: Sequence[str], parts: Sequence[Parts]) -> None:
        self.ids, self.names, self.parts = ids, names, parts
        self.place_of = {id_: place for place, id_ in enumerate(ids)}
        self._values = {
            name: np.array([one[name].log10_ratio for one in parts], np.float64)
            for name in PARTS
            if parts and name in parts[0]
        }
        self.totals = self._totals(self._values)
        self._others = against_others(self.totals)
        self.ranks = worst_ranks(self.totals)
        careful = self._totals([name for name in self._values if name != "terms"])
        careful += [
            terms.careful if isinstance(terms := one.get("terms"), TermsPart) else 0.0
            for one in parts
        ]
        self._careful = careful + against_others(careful)
        self._without = {
            name: worst_ranks(self._totals([one for one in self._values if one != name]))
            for name in self._values
            if len(self._values) > 1
        }

    def ranks_by(self, parts: Sequence[PartName]) -> dict[str, int]:
        """Ranks by some parts, by identifier."""
        ranks = worst_ranks(self._totals(parts)).tolist()
        return dict(zip(self.ids, ranks, strict=True))

    def _totals(self, parts: Iterable[PartName]) -> NDArray[np.float64]:
        found = np.zeros(len(self.ids))
        for name in parts:
            found += self._values[name]
        return np.round(found, DIGITS)

    def lines(
        self, top: int | None, disorder_of: Callable[[int], tuple[str, str]] | None = None
    ) -> Iterator[FusedLine]:
        """The first `top` lines."""
        for place in np.argsort(-self.totals, kind="stable")[:top].tolist():
            yield self.line(place, ("", "") if disorder_of is None else disorder_of(place))

    def line(self, place: int, disorder: tuple[str, str] = ("", "")) -> FusedLine:
        """The line at a place."""
        parts, others = self.parts[place], float(self._others[place])
        ratio = round(float(self.totals[place]) + others, DIGITS)
        withheld = next((one.why for one in parts.values() if one.is_withheld), None)
        lower = None if withheld else _lower(parts, ratio, float(self._careful[place]))
        return FusedLine(
            int(self.ranks[place]),
            self.ids[place],
            self.names[place],
            ratio,
            None if withheld else 10.0 ** float(np.clip(ratio, -_LARGEST_LOG, _LARGEST_LOG)),
            lower,
            withheld,
            parts,
            others,
            {name: int(ranks[place]) for name, ranks in self._without.items()},
            *disorder,
            tied=int(np.count_nonzero(self.totals == self.totals[place])),
        )


def worst_ranks(totals: NDArray[np.float64]) -> NDArray[np.int64]:
    """Ranks from 1 for the highest total `(n,)`; equal ones take the worst."""
    rising = np.sort(totals)
    return len(totals) - np.searchsorted(rising, totals, side="left")


def against_others(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each log10 total `(n,)`, the log10 of the mean of all others, negated: what to add to it
    for its ratio against any other. 0 where there is no other."""
    if len(totals) < 2:
        return np.zeros(len(totals))
    first = int(totals.argmax())
    shares = 10.0 ** (totals - totals[first])
    sums = totals[first] + np.log10(np.maximum(shares.sum() - shares, _SMALLEST))
    # The share of the first one may be all there is in double precision.
    rest = np.delete(totals, first)
    sums[first] = rest.max() + np.log10((10.0 ** (rest - rest.max())).sum())
    return np.asarray(np.round(np.log10(len(totals) - 1) - sums, DIGITS), np.float64)


def _lower(parts: Parts, ratio: float, careful: float) -> float | None:
    """The bound of a log10 ratio. `careful`: the ratio with fewer independent terms."""
    photo = parts.get("photo")
    if isinstance(photo, PhotoPart) and photo.why is None:
        if photo.lower is None:
            return None
        careful += photo.lower - photo.log10_ratio
    return round(min(ratio, careful), DIGITS)
