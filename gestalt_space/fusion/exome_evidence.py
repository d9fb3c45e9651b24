"""The evidence of an exome: for each gene two log10 likelihood ratios, which are added.

The first compares how often the causal gene has a candidate variant, a rare one that affects the
gene, with how often other genes of the same exome have one. The second compares CADD scores: how
often the causal gene has such a score, against the other genes with candidates in this exome.

Both rest on assumptions. `CAUSAL_SEEN`: in 5 of 100 patients the causal variant is not among the
candidates, for example because it is a large deletion. `CADD_RATIOS`: the local ratios of
pathogenic to benign variants by which ClinGen calibrated CADD (Pejaver et al., Am J Hum Genet
2022;109:2163, table 2: the bounds of its intervals). They were measured on missense variants and
are used for all. Scaled so that the scores of a causal gene add up to 1 over this exome.

A disorder is caused by one of its genes, each as likely as the others. So its ratio is the mean of
theirs. The highest of many genes would be high by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gestalt_space.counts import counted_text
from gestalt_space.fusion.parts import DIGITS, ExomePart
from gestalt_space.genomics.gene_scores import GeneScore
from gestalt_space.genomics.genes import Gene
from gestalt_space.phenotype.annotations import Annotations

CAUSAL_SEEN = 0.95
_SUPPORTING, _MODERATE, _STRONG = (1124.0 ** (1 / share) for share in (8.0, 4.0, 2.0))
"""Of the ACMG/AMP's strengths of evidence, as that paper takes them."""
CADD_RATIOS: tuple[tuple[float, float], ...] = (
    *((-math.inf, 1 / _STRONG), (0.15, 1 / _MODERATE), (17.3, 1 / _SUPPORTING)),
    *((22.7, 1.0), (25.3, _SUPPORTING), (28.1, _MODERATE)),
)
"""From which CADD score on a ratio holds; the first three intervals have their upper end, the
others their lower end."""
FEWEST_VARIANTS = 5_000
"""An exome has more. In fewer variants, a gene without one may not have been looked at."""
_NEUTRAL_GENES = 20
"""Genes with the ratio 1 that are added to those of the exome: a few genes show little."""
_SHOWN = 5
ASSUMPTIONS = (
    (
        "Assumed: in 95 of 100 patients the causal gene has a variant that passes the filters, in "
        "any mode of inheritance."
    ),
    (
        "Assumed: CADD separates causal genes as ClinGen measured it for missense variants "
        "(Pejaver 2022, table 2)."
    ),
    (
        "Assumed: each gene of a disorder is as likely to be the causal one. The exome's part of a "
        "disorder is the mean ratio of its genes."
    ),
)


class ExomeEvidence:
    """The parts of genes. `genes`: all that have variants that passed the filters; `variants`: how
    many the sample has before the filters; `ambiguous`: symbols with candidate variants that mean
    several genes, with these; `empty_chromosomes`: autosomes and X without any variant. Which genes
    lie there is not known, so with one of them the VCF is taken for a part of an exome. `unknown`:
    genes with candidates that HPO does not have; `notes`: what a user should know, in sentences."""

    def __init__(
        self,
        genes: Sequence[GeneScore],
        variants: int,
        annotations: Annotations,
        *,
        ambiguous: Mapping[str, Sequence[Gene]] = MappingProxyType({}),
        empty_chromosomes: Sequence[str] = (),
    ) -> None:
        lacks = ""
        if variants < FEWEST_VARIANTS:
            lacks = f"the VCF has only {counted_text(variants, 'variant')}"
        elif empty_chromosomes:
            lacks = f"the VCF has no variant on chromosome {', '.join(empty_chromosomes)}"
        self.is_exome = not lacks
        places = annotations.place_of_gene
        self.places: dict[int, GeneScore] = {}
        self.unknown: list[GeneScore] = []
        for one in genes:
            place = _place_of(one.gene, places)
            if place is None:
                self.unknown.append(one)
            else:
                self.places.setdefault(place, one)
        share = (len(self.places) + 0.5) / (len(annotations.genes) + 1)
        self._present = _log10(CAUSAL_SEEN / share) if self.is_exome else 0.0
        missing = "no candidate variant"
        if lacks:
            missing += f", which says nothing: {lacks}"
        self._absent = _log10((1 - CAUSAL_SEEN) / (1 - share)) if self.is_exome else 0.0
        self._why_absent = missing
        ratios = [cadd_ratio(one.score) for one in genes if one.score is not None]
        self._scale = (sum(ratios) + _NEUTRAL_GENES) / (len(ratios) + _NEUTRAL_GENES)
        self._symbols = annotations.gene_symbols
        self._doubtful: dict[int, str] = {}
        for symbol, meanings in ambiguous.items():
            for meaning in (Gene(symbol), *meanings):
                if (place := _place_of(meaning, places)) is not None:
                    self._doubtful.setdefault(place, symbol)
        self.notes = tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        if self.unknown:
            shown = ", ".join(one.gene.symbol for one in self.unknown[:_SHOWN])
            more = len(self.unknown) - _SHOWN
            are = "is" if len(self.unknown) == 1 else "are"
            yield (
                f"{counted_text(len(self.unknown), 'gene')} with candidates {are} not in HPO's "
                f"annotations: {shown}{f' and {more:,} more' if more > 0 else ''}. If HPO knows "
                "one by another name, it counts there as without a candidate."
            )

    def of_gene(self, place: int) -> ExomePart:
        """The part of a gene of the annotations."""
        found = self.places.get(place)
        if found is None and (symbol := self._doubtful.get(place)):
            why = f"not known: {symbol}, which has candidate variants, may be this gene or another"
            return ExomePart(0.0, why, gene=self._symbols[place])
        if found is None:
            absent, symbol = self._absent, self._symbols[place]
            return ExomePart(absent, self._why_absent, False, absent, 0.0, symbol)
        return self.of_candidate(found)

    def of_candidate(self, one: GeneScore) -> ExomePart:
        """The part of a gene with candidate variants."""
        missing = one.score is None
        cadd = 0.0 if one.score is None else _log10(cadd_ratio(one.score) / self._scale)
        return ExomePart(
            round(self._present + cadd, DIGITS),
            "CADD is missing, which is not a low score" if missing else None,
            candidate=self._present,
            cadd=cadd,
            gene=one.gene.symbol,
            score=one.score,
            variants=tuple(variant.variant.name for variant in one.variants),
        )

    def of_genes(self, places: Sequence[int]) -> ExomePart:
        """The part of a disorder: the mean ratio of its genes, by their places, shown with the gene
        that adds most."""
        if not len(places):
            return ExomePart(0.0, "HPO has no gene of this disorder", genes=0)
        parts = [self.of_gene(place) for place in places]
        best = max(parts, key=lambda part: part.log10_ratio)
        shares = [10 ** (part.log10_ratio - best.log10_ratio) for part in parts]
        averaged = _log10(sum(shares) / len(shares))
        total = round(best.log10_ratio + averaged, DIGITS)
        return replace(best, log10_ratio=total, averaged=averaged, genes=len(parts))


def _place_of(gene: Gene, places: Mapping[str, int]) -> int | None:
    """The place of a gene in the annotations: by Entrez's identifier, else by the symbol."""
    return places.get(gene.entrez_id.upper(), places.get(gene.symbol.upper()))


def cadd_ratio(score: float) -> float:
    """How much more often a pathogenic variant has such a CADD score than a benign one."""
    found = CADD_RATIOS[0][1]
    for start, ratio in CADD_RATIOS[1:]:
        if score > start or (score == start and ratio > 1):
            found = ratio
    return found


def _log10(ratio: float) -> float:
    return round(math.log10(ratio), DIGITS)
